using System.Net.Sockets;
using System.Security.Cryptography;
using IsolatedAgents.Engines;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Platform.Processes;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Sandbox;

/// <summary>
/// A folder of one run's own that the sandbox sees read-only. With a socket, it is how the supervisor reaches this process: exactly once,
/// before the agent starts, and the folder is gone from then on. Without one, it holds a file that no other machine can have, which shows
/// whether mounts are what they seem.
/// </summary>
internal sealed class ChannelFolder : ITransportListener, IDisposable
{
    public const string NamePrefix = "isolated-agents-";

    /// <summary>The file that says whose a folder is: with it, a folder whose name begins so is found once its process is gone.</summary>
    public const string OwnerName = "owner";

    private const string SocketName = "host.sock";
    private const string SentinelName = "sentinel";
    private const string HostsName = "hosts";
    private const string ProfileName = "seccomp.json";

    // hosts(5). Podman would put the machine's own there, which tells of its network and answers lookups in the supervisor's place.
    private const string Hosts = "127.0.0.1 localhost sandbox\n::1 localhost\n";
    private const UnixFileMode OwnerAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode ReadableByAll =
        OwnerAlone | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    // unix(7): a socket's path has 108 bytes, the last of which is 0.
    private const int MaxSocketPath = 107;

    private readonly Socket? _listener;
    private readonly bool _hasConnections;
    private bool _isClosed;

    private ChannelFolder(string path, Socket? listener, bool hasConnections, string sentinel)
    {
        _hasConnections = hasConnections;
        HostPath = path;
        Sentinel = sentinel;
        _listener = listener;
    }

    public string HostPath { get; }

    /// <summary>The sandbox's names for itself, to be mounted where programs look for them.</summary>
    public string HostsPath => Path.Combine(HostPath, HostsName);

    /// <summary>Path of the system-call profile, for an engine that reads it from a file of this machine.</summary>
    public string ProfilePath => Path.Combine(HostPath, ProfileName);

    /// <summary>Content of the sentinel file; empty when there is a socket, which proves more.</summary>
    public string Sentinel { get; }

    public static string SentinelPath => $"{SandboxPaths.Channel}/{SentinelName}";

    /// <summary>Path of the socket in the sandbox.</summary>
    public static string SocketPath => $"{SandboxPaths.Channel}/{SocketName}";

    /// <summary>Makes the folder, and listens in it where there is to be a socket.</summary>
    /// <param name="sessionId">The run.</param>
    /// <param name="withSocket">Whether there is to be a socket.</param>
    /// <param name="hasConnections">Whether the supervisor hands over what the agent opens.</param>
    /// <param name="parent">A folder that the engine is known to see; null for the temporary folder.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static ChannelFolder Create(string sessionId, bool withSocket, bool hasConnections, string? parent = null)
    {
        string path = Path.Combine(Parent(parent ?? Path.GetTempPath(), sessionId, withSocket), NamePrefix + sessionId);
        CreateFolder(path, withSocket ? OwnerAlone : ReadableByAll);
        File.WriteAllText(Path.Combine(path, OwnerName), SandboxOwner.Current?.ToString() ?? "");
        WriteReadable(Path.Combine(path, HostsName), Hosts);
        if (withSocket)
        {
            Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(path, SocketName)));
            listener.Listen(3);
            return new ChannelFolder(path, listener, hasConnections, "");
        }

        string sentinel = RandomNumberGenerator.GetHexString(32);
        File.WriteAllText(Path.Combine(path, SentinelName), sentinel);
        return new ChannelFolder(path, null, hasConnections: false, sentinel);
    }

    /// <summary>Puts a program into the folder, once, and gives its path there.</summary>
    /// <exception cref="IOException">It cannot be copied.</exception>
    public string Place(string program)
    {
        string placed = Path.Combine(HostPath, Path.GetFileName(program));
        if (!File.Exists(placed) && !_isClosed)
        {
            File.Copy(program, placed);
        }

        return placed;
    }

    /// <summary>Puts a text into the folder that the sandbox is shown in place of a file, and gives its path there.</summary>
    /// <param name="content">The text.</param>
    /// <param name="shown">The file, whose readers may read the text.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public string Show(byte[] content, string shown)
    {
        string path = Path.Combine(
            HostPath,
            $"shown-{Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(shown)).AsSpan(0, 8))}"
        );
        if (!File.Exists(path) && !_isClosed)
        {
            File.WriteAllBytes(path, content);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, File.GetUnixFileMode(shown));
                if (FileIdentity.Owner(shown) is { } owner)
                {
                    FileIdentity.TrySetOwner(path, owner);
                }
            }
        }

        return path;
    }

    /// <summary>The folders in the temporary folder whose process is surely gone.</summary>
    public static IEnumerable<string> FindOwnerless()
    {
        foreach (string path in Directory.EnumerateDirectories(Path.GetTempPath(), NamePrefix + "*"))
        {
            string? owner = null;
            try
            {
                owner = File.ReadAllText(Path.Combine(path, OwnerName));
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // Not one of these, or somebody else's.
            }

            if (owner is not null && SandboxOwner.Parse(owner)?.Judge() == OwnerState.Gone)
            {
                yield return path;
            }
        }
    }

    /// <summary>
    /// Takes the supervisor's connections: for frames, for what it says when it dies, and for what the agent opens; and closes the door.
    /// </summary>
    public async Task<ISandboxTransport> AcceptAsync(CancellationToken cancellationToken)
    {
        List<Socket> accepted = [];
        try
        {
            for (int i = 0; i < (_hasConnections ? 3 : 2); i++)
            {
                accepted.Add(await _listener!.AcceptAsync(cancellationToken).ConfigureAwait(false));
            }
        }
        catch
        {
            accepted.ForEach(socket => socket.Dispose());
            throw;
        }

        Dispose();
        return new SocketTransport(accepted[0], accepted[1], _hasConnections ? accepted[2] : null);
    }

    public void Dispose()
    {
        _listener?.Dispose();
        _isClosed = true;
        try
        {
            Directory.Delete(HostPath, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // The sandbox was reached, and nothing was left of it.
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // An empty folder in the temporary folder, for a later clean-up.
        }
    }

    private static string Parent(string temporary, string sessionId, bool withSocket)
    {
        int length = System.Text.Encoding.UTF8.GetByteCount(Path.Combine(temporary, NamePrefix + sessionId, SocketName));
        return withSocket && length > MaxSocketPath ? "/tmp" : temporary;
    }

    private static void CreateFolder(string path, UnixFileMode mode)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }

        Directory.CreateDirectory(path, mode);
        // The process's mask may have taken something away.
        File.SetUnixFileMode(path, mode);
    }

    private static void WriteReadable(string path, string text)
    {
        File.WriteAllText(path, text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }
    }
}
