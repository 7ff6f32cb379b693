namespace IsolatedAgents.Reports;

/// <summary>The folder that reports name files from: that of the repository, as code views know it.</summary>
internal static class SourceRoot
{
    /// <summary>
    /// The nearest folder with a <c>.git</c>, upwards from <paramref name="folder"/>; that folder itself where there is none.
    /// </summary>
    public static string Find(string folder)
    {
        for (string? at = folder; at is not null; at = Path.GetDirectoryName(at))
        {
            if (Path.Exists(Path.Combine(at, ".git")))
            {
                return at;
            }
        }

        return folder;
    }

    /// <summary>A file as a report names it: below the root with forward slashes, else absolute.</summary>
    public static string Name(string root, string path)
    {
        string relative = Path.GetRelativePath(root, path);
        return relative == ".." || relative.StartsWith("../", StringComparison.Ordinal) || Path.IsPathRooted(relative)
            ? path
            : relative.Replace(Path.DirectorySeparatorChar, '/');
    }
}
