using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Rules;

/// <summary>Paths inside the sandbox, which is Linux whatever the host is.</summary>
internal static class SandboxPathRules
{
    /// <summary>Folders that the sandbox itself makes; a mount over, above or in one of them would undo what it stands for.</summary>
    private static readonly string[] Reserved =
    [
        "/proc",
        "/sys",
        "/dev",
        "/output",
        "/workspace",
        "/agent",
        "/tmp",
        "/run",
        "/var/run",
        "/.isolated-agents",
        "/etc/resolv.conf",
        "/etc/hosts",
    ];

    /// <summary>Accepts an absolute path and gives it without doubled or trailing slashes and without <c>.</c> parts.</summary>
    public static Checked<string> Check(string path)
    {
        if (CharacterRules.Problem(path, allowBlanks: true) is { } problem)
        {
            return Checked<string>.Refused(problem);
        }

        if (path[0] != '/')
        {
            return Checked<string>.Refused("a path in the sandbox is absolute; begin it with '/'");
        }

        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Contains("..", StringComparer.Ordinal))
        {
            return Checked<string>.Refused("it holds '..'; write the path that is meant");
        }

        return "/" + string.Join('/', parts.Where(part => part != "."));
    }

    /// <summary>Accepts a place where a read-only mount may appear.</summary>
    public static Checked<string> CheckMountTarget(string path)
    {
        Checked<string> target = Check(path);
        if (target.Value is not { } normal)
        {
            return target;
        }

        if (normal.Contains(':', StringComparison.Ordinal))
        {
            return Checked<string>.Refused("the sandbox path holds ':'; write 'host:sandbox' without a mode, a mount is always read-only");
        }

        foreach (string reserved in Reserved)
        {
            if (IsSameOrBelow(reserved, normal) || IsSameOrBelow(normal, reserved))
            {
                return Checked<string>.Refused(
                    $"the sandbox path '{QuotedText.Of(normal)}' meets '{reserved}', which the sandbox itself sets up; mount it elsewhere, such as '/mnt/data'"
                );
            }
        }

        return target;
    }

    /// <summary>Whether <paramref name="path"/> is <paramref name="folder"/> or lies in it; both are normal.</summary>
    public static bool IsSameOrBelow(string path, string folder) =>
        folder == "/" || path == folder || (path.StartsWith(folder, StringComparison.Ordinal) && path[folder.Length] == '/');
}
