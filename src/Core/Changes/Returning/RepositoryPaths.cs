using IsolatedAgents.Protocol;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes.Returning;

/// <summary>
/// The files that version control keeps for itself: refs, objects, index, configuration, hooks. None of it comes back, whoever wrote it and
/// whatever it holds: each of it can hide a change from review, or run a program, on the machine of whoever works there next.
/// </summary>
internal sealed class RepositoryPaths
{
    private const string Head = "HEAD";

    private static readonly PathGlobs Folders = new([".git", ".hg", ".svn", ".jj", ".bzr", "_darcs", ".pijul", ".sl"], isLoose: true);

    // What makes a folder of any name a repository of git's, and what is in one.
    private static readonly PathGlobs OwnNames = new(
        [
            Head,
            "config",
            "config.worktree",
            "objects",
            "refs",
            "hooks",
            "info",
            "logs",
            "branches",
            "worktrees",
            "modules",
            "lfs",
            "reftable",
            "description",
            "packed-refs",
            "commondir",
            "gitdir",
            "shallow",
            "index",
            "*_HEAD",
            "COMMIT_EDITMSG",
        ],
        isLoose: true
    );

    private readonly Dictionary<string, Bare> _bare = new(StringComparer.Ordinal);

    /// <param name="original">The workspace as it was.</param>
    /// <param name="made">The entries that the agent has made, or may have changed.</param>
    public RepositoryPaths(WorkspaceOriginal original, IEnumerable<string> made)
    {
        string[] all = [.. original.Names, .. made];
        foreach (string path in all.Where(path => Plain(path[(path.LastIndexOf('/') + 1)..]) == Head))
        {
            _bare.TryAdd(Plain(Folder(path)), new Bare());
        }

        if (_bare.Count == 0)
        {
            return;
        }

        foreach (string path in original.Names)
        {
            Note(path, isThere: true);
        }

        foreach (string path in all)
        {
            Note(path, isThere: false);
        }

        // Of empty folders the list of entries says nothing.
        foreach (string path in original.Names.Where(path => Plain(path[(path.LastIndexOf('/') + 1)..]) == Head))
        {
            Bare bare = _bare[Plain(Folder(path))];
            string folder = Path.Combine(original.FullPath, Folder(path));
            bool hasObjects = Directory.Exists(Path.Combine(folder, "objects")),
                hasRefs = Directory.Exists(Path.Combine(folder, "refs"));
            bare.Objects |= hasObjects;
            bare.Refs |= hasRefs;
            bare.WasThere |= hasObjects && hasRefs;
        }
    }

    /// <summary>Whether a path is in a folder that version control keeps for itself, by any of its names.</summary>
    public static bool IsInFolder(string path) => Folders.Covers(path);

    /// <summary>Whether a path is version control's own.</summary>
    public bool Hold(string path)
    {
        if (IsInFolder(path))
        {
            return true;
        }

        foreach (string above in _bare.Count == 0 ? [] : WorkspaceOriginal.Above(path).Append(""))
        {
            if (_bare.TryGetValue(Plain(above), out Bare? bare) && bare.IsRepository)
            {
                string below = above.Length == 0 ? path : path[(above.Length + 1)..];
                return bare.WasThere || OwnNames.Covers(below, deepest: 0);
            }
        }

        return false;
    }

    private void Note(string path, bool isThere)
    {
        int end = path.Length;
        foreach (string above in WorkspaceOriginal.Above(path).Append(""))
        {
            int start = above.Length == 0 ? 0 : above.Length + 1;
            if (_bare.TryGetValue(Plain(above), out Bare? bare))
            {
                bare.Note(Plain(path[start..end]), isThere);
            }

            end = above.Length;
        }
    }

    private static string Folder(string path) => path.LastIndexOf('/') is > 0 and int slash ? path[..slash] : "";

    private static string Plain(string name) => NameFolding.Fold(name).TrimEnd(' ', '.');

    // gitrepository-layout(5), is_git_directory() in setup.c.
    private sealed class Bare
    {
        private bool _hasCommonFolder;
        private bool _hasSettings;
        private bool _hasOthers;
        private bool _hadHead;

        public bool Objects { get; set; }

        public bool Refs { get; set; }

        /// <summary>Whether it was one before the agent started.</summary>
        public bool WasThere { get; set; }

        // Empty folders are not listed, so that fewer files than git asks for make one.
        public bool IsRepository => _hasCommonFolder || (Objects && Refs) || (_hasSettings && (Objects || Refs || _hasOthers));

        public void Note(string name, bool isThere)
        {
            _hadHead |= isThere && name == Head;
            Objects |= name == "OBJECTS";
            Refs |= name == "REFS";
            _hasCommonFolder |= name == "COMMONDIR";
            _hasSettings |= name == "CONFIG";
            _hasOthers |= name is "HOOKS" or "INFO" or "DESCRIPTION" or "PACKED-REFS" or "REFTABLE";
            WasThere |= isThere && _hadHead && IsRepository;
        }
    }
}
