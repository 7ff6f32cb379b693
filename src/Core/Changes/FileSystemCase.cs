using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes;

/// <summary>
/// Finds out whether a workspace's file system takes names in either case for the same, by looking at what is there: nothing is written to
/// find out.
/// </summary>
internal static class FileSystemCase
{
    private const int Tries = 16;

    /// <summary>Whether a file is found by a name in the other case, under which none is.</summary>
    public static bool IsIgnored(WorkspaceOriginal original)
    {
        string[] known = [.. original.Names.Where(path => Swap(path) != path).Take(Tries)];
        return known.Length == 0
            ? OperatingSystem.IsWindows() || OperatingSystem.IsMacOS()
            : known.Any(path =>
                original.Find(Swap(path)) is null
                && Path.Exists(Path.Combine(original.FullPath, path))
                && Path.Exists(Path.Combine(original.FullPath, Swap(path)))
            );
    }

    private static string Swap(string path) => string.Create(path.Length, path, static (swapped, from) =>
        {
            for (int i = 0; i < swapped.Length; i++)
            {
                swapped[i] = char.IsAsciiLetter(from[i]) ? (char)(from[i] ^ 0x20) : from[i];
            }
        });
}
