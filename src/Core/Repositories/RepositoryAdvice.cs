namespace IsolatedAgents.Repositories;

/// <summary>
/// Says why git found no repository in a sandbox although there is one on this machine. Nothing is widened by itself: the advice names the
/// parameter that does.
/// </summary>
internal static class RepositoryAdvice
{
    private const string GitName = ".git";
    private const string LinkStart = "gitdir:";
    private const int MaxLinkBytes = 4096;

    /// <summary>One sentence or two; null where the workspace has its repository, or none is near.</summary>
    /// <param name="workspace">Absolute path of the workspace on this machine.</param>
    public static string? For(string workspace)
    {
        string own = Path.Combine(workspace, GitName);
        if (Directory.Exists(own))
        {
            return null;
        }

        if (File.Exists(own))
        {
            return RepositoryOf(own) is { } repository && !IsIn(repository, workspace) && CommonFolder(repository) is { } common
                ? $"The agent uses git, and the repository of the workspace '{workspace}' lies in '{common}', which it is not shown. Put '{common}:{common}' in readonly_mounts to show it."
                : null;
        }

        for (string? above = Path.GetDirectoryName(workspace); above is not null; above = Path.GetDirectoryName(above))
        {
            if (Path.Exists(Path.Combine(above, GitName)))
            {
                return $"The agent uses git, and the workspace '{workspace}' lies below the repository '{above}', which it is not shown. Make '{above}' the working directory (WorkingDirectory, --working-directory) to show it.";
            }
        }

        return null;
    }

    // gitrepository-layout(5): a file of this name holds "gitdir: " and a path.
    private static string? RepositoryOf(string link)
    {
        try
        {
            string text = new FileInfo(link).Length <= MaxLinkBytes ? File.ReadAllText(link).Trim() : "";
            return text.StartsWith(LinkStart, StringComparison.Ordinal)
                ? Path.GetFullPath(text[LinkStart.Length..].Trim(), Path.GetDirectoryName(link)!)
                : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // That of a work tree is a folder within the one that all its work trees share.
    private static string? CommonFolder(string repository) =>
        Path.GetFileName(Path.GetDirectoryName(repository)) == "worktrees"
            ? Path.GetDirectoryName(Path.GetDirectoryName(repository))
            : repository;

    private static bool IsIn(string path, string folder) => path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal);
}
