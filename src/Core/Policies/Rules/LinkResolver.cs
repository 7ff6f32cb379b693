namespace IsolatedAgents.Policies.Rules;

/// <summary>Follows every symbolic link of a path, those of its folders too.</summary>
internal static class LinkResolver
{
    /// <summary>As many as the Linux kernel follows.</summary>
    private const int MaxLinks = 40;

    /// <summary>The path without links; null where they go in a circle or cannot be read.</summary>
    public static string? Resolve(string absolutePath)
    {
        string root = Path.GetPathRoot(absolutePath)!;
        Stack<string> rest = new();
        Push(rest, absolutePath[root.Length..]);
        string resolved = root;
        int links = 0;
        while (rest.TryPop(out string? part))
        {
            if (part == "..")
            {
                resolved = Path.GetDirectoryName(resolved) ?? root;
                continue;
            }

            string next = Path.Join(resolved, part);
            string? target = Target(next);
            if (target is null)
            {
                resolved = next;
                continue;
            }

            if (target.Length == 0 || ++links > MaxLinks)
            {
                return null;
            }

            string targetRoot = Path.GetPathRoot(target) ?? "";
            resolved = targetRoot.Length > 0 ? targetRoot : resolved;
            Push(rest, target[targetRoot.Length..]);
        }

        return resolved;
    }

    private static void Push(Stack<string> rest, string path)
    {
        foreach (
            string part in path.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries)
                .Reverse()
        )
        {
            if (part != ".")
            {
                rest.Push(part);
            }
        }
    }

    /// <summary>Reads the target of the link at <paramref name="path"/>; null where it is no link, empty where it cannot be read.</summary>
    private static string? Target(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
