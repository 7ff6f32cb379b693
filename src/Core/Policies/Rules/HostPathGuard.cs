using System.Collections.Frozen;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Rules;

/// <summary>
/// Host paths that never go into a sandbox, whether read-only or not: a socket is no less powerful behind a read-only mount.
/// </summary>
/// <param name="homeDirectory">The user's home; null where it is not known.</param>
internal sealed class HostPathGuard(string? homeDirectory)
{
    private const string Advice = "mount a folder of your own that holds just what the agent needs";

    /// <summary>Refused with all that lies in them.</summary>
    private static readonly string[] Closed =
    [
        "/proc",
        "/sys",
        "/dev",
        "/run",
        "/var/run",
        "/private/var/run",
        "/var/lib/docker",
        "/var/lib/containers",
        "/var/lib/containerd",
        "/var/lib/kubelet",
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/sudoers",
        "/etc/sudoers.d",
        "/etc/ssh",
        "/etc/docker",
        "/etc/kubernetes",
    ];

    private static readonly string[] SystemSettings = ["/etc", "/private/etc"];

    /// <summary>Refused themselves; what lies in them may be mounted.</summary>
    private static readonly string[] ClosedItself = [.. SystemSettings, "/tmp", "/private/tmp", "/var/tmp", "/root"];

    /// <summary>Below any home: keys, tokens and sockets.</summary>
    private static readonly string[] Secrets =
    [
        ".ssh",
        ".aws",
        ".azure",
        ".docker",
        ".kube",
        ".gnupg",
        ".netrc",
        ".git-credentials",
        ".pgpass",
        ".password-store",
        ".config/gcloud",
        ".config/gh",
        ".config/containers",
        ".local/share/containers",
        ".local/share/keyrings",
        "Library/Keychains",
    ];

    private static readonly string[] HomeParents = ["/home", "/Users", "C:/Users"];

    private static readonly FrozenSet<string> SocketNames = new[]
    {
        "docker.sock",
        "podman.sock",
        "containerd.sock",
        "crio.sock",
        "cri-dockerd.sock",
        "buildkitd.sock",
        "dockershim.sock",
        "system_bus_socket",
        "session_bus_socket",
        "S.gpg-agent",
        "S.gpg-agent.ssh",
        "ssh-agent.socket",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly StringComparison Comparison = OperatingSystem.IsLinux()
        ? StringComparison.Ordinal
        : StringComparison.OrdinalIgnoreCase;

    /// <summary>Why <paramref name="absolutePath"/> is refused, judged as it is written; null where it is not.</summary>
    public string? Problem(string absolutePath)
    {
        string path = Normal(absolutePath);
        if (path.Length == 0 || path.EndsWith(':'))
        {
            return $"it would show the whole host to the agent; {Advice}";
        }

        if (IsSocket(path))
        {
            return $"the host path '{QuotedText.Of(path)}' is a socket that would let the agent act outside the sandbox; no socket is ever available, remove the mount";
        }

        if (SocketIn(absolutePath) is { } held)
        {
            return $"the host path '{QuotedText.Of(path)}' holds the socket '{held}', which would let the agent act outside the sandbox; {Advice}";
        }

        string? closed = Closed.FirstOrDefault(folder => IsSameOrBelow(path, folder) || IsSameOrBelow(folder, path))
            ?? ClosedItself.FirstOrDefault(folder => IsSameOrBelow(folder, path))
            ?? SecretOf(path);
        return closed is null
            ? null
            : $"the host path '{QuotedText.Of(path)}' meets '{QuotedText.Of(closed)}', which never goes into a sandbox; {Advice}";
    }

    /// <summary>
    /// Why a run may not have <paramref name="absolutePath"/> as its workspace; null where it may. Milder than <see cref="Problem"/>, since
    /// the workspace is where one stands: a home is one as long as it holds no keys, and so is a temporary folder.
    /// </summary>
    public string? WorkspaceProblem(string absolutePath)
    {
        string path = Normal(absolutePath);
        if (SocketIn(absolutePath) is { } held)
        {
            return $"holds the socket '{held}', which would let the agent act outside the sandbox";
        }

        string? closed = Closed.FirstOrDefault(folder => IsSameOrBelow(path, folder) || IsSameOrBelow(folder, path))
            ?? SystemSettings.FirstOrDefault(folder => IsSameOrBelow(folder, path))
            ?? Homes(path)
                .SelectMany(SecretsOf)
                .FirstOrDefault(secret => IsSameOrBelow(path, secret) || (IsSameOrBelow(secret, path) && Path.Exists(secret)));
        return closed is null ? null : $"meets '{QuotedText.Of(closed)}', which never goes into a sandbox";
    }

    private static string? SocketIn(string folder) => SocketNames.FirstOrDefault(name => Path.Exists(Path.Join(folder, name)));

    private static IEnumerable<string> SecretsOf(string home) => Secrets.Select(name => $"{home}/{name}");

    private static bool IsSocket(string path)
    {
        string name = path[(path.LastIndexOf('/') + 1)..];
        return SocketNames.Contains(name)
            || name.EndsWith(".sock", StringComparison.OrdinalIgnoreCase)
            || path.Split('/')
                .Any(part => part.StartsWith("ssh-", StringComparison.Ordinal) && name.StartsWith("agent.", StringComparison.Ordinal))
            || name.StartsWith("dbus-", StringComparison.Ordinal);
    }

    private string? SecretOf(string path)
    {
        foreach (string home in Homes(path))
        {
            if (IsSameOrBelow(home, path))
            {
                return home;
            }

            string? secret = SecretsOf(home).FirstOrDefault(folder => IsSameOrBelow(path, folder) || IsSameOrBelow(folder, path));
            if (secret is not null)
            {
                return secret;
            }
        }

        return HomeParents.FirstOrDefault(parent => IsSameOrBelow(parent, path));
    }

    private IEnumerable<string> Homes(string path) =>
        [
            .. homeDirectory is null ? [] : new[] { Normal(homeDirectory) },
            "/root",
            .. HomeParents.Select(parent => HomeBelow(path, parent)).OfType<string>(),
        ];

    /// <summary>The home, of whichever user, that <paramref name="path"/> lies in.</summary>
    private static string? HomeBelow(string path, string parent)
    {
        if (path.Length <= parent.Length || !IsSameOrBelow(path, parent))
        {
            return null;
        }

        int end = path.IndexOf('/', parent.Length + 1);
        return end < 0 ? path : path[..end];
    }

    private static string Normal(string path) => path.Replace('\\', '/').TrimEnd('/');

    private static bool IsSameOrBelow(string path, string folder) =>
        path.StartsWith(folder, Comparison) && (path.Length == folder.Length || path[folder.Length] == '/');
}
