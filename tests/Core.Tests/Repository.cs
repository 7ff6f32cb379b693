namespace IsolatedAgents.Core.Tests;

/// <summary>Finds files of the repository that a test runs in. Not by the caller's path: a deterministic build replaces it.</summary>
internal static class Repository
{
    /// <summary>The absolute path of a file, given below the root.</summary>
    public static string File(params ReadOnlySpan<string> path)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !System.IO.File.Exists(Path.Combine(folder.FullName, "IsolatedAgents.sln")))
        {
            folder = folder.Parent;
        }

        Assert.IsNotNull(folder);
        return Path.Combine([folder.FullName, .. path]);
    }
}
