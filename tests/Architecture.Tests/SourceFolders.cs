namespace IsolatedAgents.Architecture.Tests;

/// <summary>Finds the folders of the repository that a test runs in.</summary>
internal static class SourceFolders
{
    private static readonly string[] Built = ["bin", "obj"];

    /// <summary>The folders of a project that hold source.</summary>
    public static IEnumerable<DirectoryInfo> Of(string project) =>
        new DirectoryInfo(PathOf("src", project)).EnumerateDirectories().Where(folder => !Built.Contains(folder.Name));

    /// <summary>The absolute path of what lies below the repository's root.</summary>
    public static string PathOf(params ReadOnlySpan<string> path)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "IsolatedAgents.sln")))
        {
            folder = folder.Parent;
        }

        Assert.IsNotNull(folder);
        return Path.Combine([folder.FullName, .. path]);
    }
}
