namespace IsolatedAgents.Protocol;

/// <summary>
/// The folders and files that builds and package managers make. Untracked files of this kind never come back from a writable workspace
/// unless the policy names them: the next build would run or ship them unseen.
/// </summary>
internal static class BuildFolders
{
    private static readonly string[] FolderNames = ["bin", "obj", "node_modules", ".venv", "target", "__pycache__"];

    private static readonly PathGlobs Folders = new(FolderNames, isLoose: true);

    private static readonly PathGlobs Binaries = new(
        ["*.so", "*.so.*", "*.dll", "*.exe", "*.dylib", "*.node", "*.pyc", "*.pyo", "*.pyd", "*.class", "*.jar"],
        isLoose: true
    );

    // What tools write to, or empty, without looking where it leads. Installing packages replaces what is in their folders.
    private static readonly PathGlobs Outputs = new(
        [
            .. FolderNames,
            "dist",
            "build",
            "out",
            "output",
            "outputs",
            "artifacts",
            "publish",
            "release",
            "debug",
            "x64",
            "x86",
            "packages",
            "vendor",
            "Pods",
            "TestResults",
            "test-results",
            "coverage",
            "wwwroot",
            "public",
            "site",
            "_site",
            "_build",
            "_output",
            "generated",
            "gen",
            "reports",
            "report",
            "logs",
            "log",
            "tmp",
            "temp",
            "cache",
            ".cache",
            ".next",
            ".nuxt",
            ".output",
            ".svelte-kit",
            ".parcel-cache",
            ".turbo",
            ".gradle",
            ".nuget",
            ".tox",
            ".nox",
            ".pytest_cache",
            ".mypy_cache",
            ".ruff_cache",
            ".eggs",
            "*.egg-info",
            "venv",
            "env",
            "BenchmarkDotNet.Artifacts",
            "StrykerOutput",
            "cmake-build-*",
            "bazel-*",
            "DerivedData",
            "storybook-static",
            "htmlcov",
            "playwright-report",
        ],
        isLoose: true
    );

    // Packages bring folders of these names with files such as .github/FUNDING.yml.
    private static readonly string[] PackageFolders = ["node_modules", ".venv"];

    /// <summary>Whether a path below the workspace lies in a folder of one of these names, or has the extension of a binary file.</summary>
    /// <param name="path">With forward slashes.</param>
    /// <param name="isLink">Whether it is a link, which may stand for a folder.</param>
    public static bool Hold(string path, bool isLink)
    {
        int slash = path.LastIndexOf('/');
        return IsBinary(path) || (isLink ? Folders.Covers(path) : slash > 0 && Folders.Covers(path[..slash]));
    }

    /// <summary>
    /// Whether a name is one that build tools and package managers give the folders that they write to: a link of it would have them
    /// write where it leads.
    /// </summary>
    public static bool IsOutput(string name) => Outputs.Covers(name);

    /// <summary>Whether a path has the extension of a binary file.</summary>
    public static bool IsBinary(string path) => Binaries.Covers(path[(path.LastIndexOf('/') + 1)..]);

    /// <summary>
    /// How many names stand above a folder of packages on the way to <paramref name="path"/>; <see cref="int.MaxValue"/> where it is in
    /// none. A rule for any depth does not hold in packages, of which nothing comes back.
    /// </summary>
    public static int Depth(string path)
    {
        int depth = 0;
        foreach (Range name in path.AsSpan().Split('/'))
        {
            if (name.End.GetOffset(path.Length) < path.Length && PackageFolders.AsSpan().IndexOf(path[name]) >= 0)
            {
                return depth;
            }

            depth++;
        }

        return int.MaxValue;
    }
}
