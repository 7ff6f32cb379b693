using IsolatedAgents.Platform.Files;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.GitHub;

/// <summary>
/// Gives what a run has made to the workspace's owner. The runner starts the action as root and everything else of the job as a user of its
/// own, who could neither change nor remove what belongs to root.
/// </summary>
internal sealed class OwnedFiles
{
    private readonly (int UserId, int GroupId)? _owner;
    private readonly string[] _made;

    private OwnedFiles((int UserId, int GroupId)? owner, string[] made)
    {
        _owner = owner;
        _made = made;
    }

    /// <summary>Notes which files and folders the run will make, and which of those above them are not there yet.</summary>
    public static OwnedFiles Before(AgentRunRequest request)
    {
        string?[] named = [request.OutputDirectory, request.ReportDirectory, request.AuditLog];
        string[] made =
        [
            .. named
                .OfType<string>()
                .Select(path => Topmost(Path.GetFullPath(path, request.BaseDirectory)))
                .Distinct(StringComparer.Ordinal),
        ];
        return new OwnedFiles(FileIdentity.Owner(request.BaseDirectory), made);
    }

    /// <summary>Gives it away. Links are not followed.</summary>
    public void GiveAway()
    {
        if (_owner is not { UserId: not 0 } owner || !Environment.IsPrivilegedProcess)
        {
            return;
        }

        foreach (string path in _made.Where(Path.Exists))
        {
            FileOwner.Set(path, owner.UserId, owner.GroupId);
            // An agent with a writable workspace may have put a link where a folder was to be.
            if (Directory.Exists(path) && new DirectoryInfo(path).LinkTarget is null)
            {
                foreach (
                    string entry in Directory.EnumerateFileSystemEntries(
                        path,
                        "*",
                        new EnumerationOptions
                        {
                            RecurseSubdirectories = true,
                            AttributesToSkip = FileAttributes.ReparsePoint,
                            IgnoreInaccessible = true,
                        }
                    )
                )
                {
                    FileOwner.Set(entry, owner.UserId, owner.GroupId);
                }
            }
        }
    }

    // The highest folder above a path that is still to be made; the path itself where its folder is there.
    private static string Topmost(string path)
    {
        string top = Path.TrimEndingDirectorySeparator(path);
        while (Path.GetDirectoryName(top) is { } parent && !Directory.Exists(parent))
        {
            top = parent;
        }

        return top;
    }
}
