using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Repositories.Ignoring;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes.Returning;

/// <summary>Counts, by kind, the changes that stay in the agent's copy.</summary>
/// <param name="Ignored">Files that git ignores, or that builds make.</param>
/// <param name="VersionControl">Files that version control keeps of itself.</param>
/// <param name="Links">Links that would not lead to a file of the workspace.</param>
/// <param name="Bytes">Sizes of the files together.</param>
internal sealed record LeftBehind(int Ignored, int VersionControl, int Links, long Bytes)
{
    public bool IsNone => Ignored + VersionControl + Links == 0;
}

/// <summary>
/// Which of the agent's changes are taken at all. What the host's next build would run or ship without anybody having seen it, and what
/// version control keeps of itself, stays in the copy: by the rules as they were, and as they would be once the changes are back.
/// </summary>
internal sealed class ReturnSelection
{
    /// <summary>Most bytes of changed files of patterns that are looked at.</summary>
    public const long MaxPatternBytes = 16L * 1024 * 1024;

    // Files of patterns may hang on one another: past this, none of them comes back, and the rules are as they were.
    private const int MaxRounds = 8;

    // How many files of patterns are looked at one by one, to know which of several hides a file. Past it, all of them do.
    private const int MaxJudgedAlone = 64;
    private const long Effort = 800_000_000;

    private readonly IReadOnlyList<ListedEntry> _entries;
    private readonly WorkspaceOriginal _original;
    private readonly RepositoryPaths _repositories;
    private readonly TrackedFiles _tracked;
    private readonly PathGlobs _protected;
    private readonly PathGlobs _returned;
    private readonly Predicate<string> _wasIgnored;
    private readonly MatchEffort _effort;
    private readonly HashSet<ListedEntry> _left = [];
    private readonly List<ListedEntry> _patterns = [];
    private Predicate<string> _isIgnored;
    private int _rechecks;

    /// <param name="entries">What differs.</param>
    /// <param name="original">The workspace as it was.</param>
    /// <param name="tracked">Its repositories.</param>
    /// <param name="policy">With the run's own files among the protected ones.</param>
    /// <param name="progressed">Told now and then, where it takes long.</param>
    public ReturnSelection(
        IReadOnlyList<ListedEntry> entries,
        WorkspaceOriginal original,
        TrackedFiles tracked,
        FilesystemPolicy policy,
        Action? progressed = null
    )
    {
        _effort = new MatchEffort(Effort, progressed);
        _entries = entries;
        _original = original;
        _tracked = tracked;
        _protected = new PathGlobs(policy.ProtectedPaths, isLoose: true);
        _returned = new PathGlobs(policy.ReturnIgnored, isLoose: false);
        _repositories = new RepositoryPaths(
            original,
            entries.Where(entry => entry.Kind is WorkspaceEntryKind.File or WorkspaceEntryKind.Link).Select(entry => entry.Path)
        );
        _wasIgnored = tracked.Ignoring(new Dictionary<string, byte[]?>(), _effort);
        _isIgnored = _wasIgnored;
        long bytes = 0;
        foreach (ListedEntry entry in entries)
        {
            if (IsLeft(entry, _wasIgnored))
            {
                _left.Add(entry);
            }
            else if (IsPatterns(entry))
            {
                bytes += entry.Entry.Size;
                bool isTooLarge = entry.Entry.Size > IgnoreFile.MaxBytes || bytes > MaxPatternBytes;
                if (isTooLarge)
                {
                    _left.Add(entry);
                    bytes -= entry.Entry.Size;
                }
                else
                {
                    _patterns.Add(entry);
                }
            }
        }
    }

    /// <summary>The changed files of patterns whose content must be known first.</summary>
    public IEnumerable<ListedEntry> Patterns => _patterns.Where(entry => entry.Kind == WorkspaceEntryKind.File);

    /// <summary>The changes to take: files, and deletions.</summary>
    public IEnumerable<ListedEntry> Taken =>
        _entries.Where(entry =>
            entry is { Refusal: null, Kind: WorkspaceEntryKind.File or WorkspaceEntryKind.Deleted } && !_left.Contains(entry)
        );

    /// <summary>Links that may come back.</summary>
    public IEnumerable<ListedEntry> Links =>
        _entries.Where(entry =>
            entry is { Refusal: null, Kind: WorkspaceEntryKind.Link } && !_left.Contains(entry) && Explain(entry) is null
        );

    /// <summary>Entries that can never be taken, each with its reason; each is a violation.</summary>
    public IEnumerable<(ListedEntry Entry, string Reason)> Rejected =>
        _entries
            .Where(entry => !_left.Contains(entry))
            .Select(entry => (entry, entry.Refusal ?? Explain(entry)))
            .Where(rejected => rejected.Item2 is not null)!;

    /// <summary>Counts the changes that stay in the copy, without links, which are checked later.</summary>
    public LeftBehind Left
    {
        get
        {
            int own = _left.Count(entry => _repositories.Hold(entry.Path));
            return new LeftBehind(
                _left.Count - own,
                own,
                0,
                _left.Aggregate(0L, (sum, entry) => sum > long.MaxValue - entry.Entry.Size ? long.MaxValue : sum + entry.Entry.Size)
            );
        }
    }

    /// <summary>Whether version control keeps a path for itself.</summary>
    public bool IsVersionControl(string path) => _repositories.Hold(path);

    /// <summary>Whether what is at a path, or a folder, is of the kind that stays behind.</summary>
    public bool IsIgnored(string path, bool isFolder) =>
        (
            isFolder
                ? BuildFolders.Hold(path + "/x", isLink: false) || IsIgnoredFolder(path)
                : BuildFolders.Hold(path, isLink: false) && !_tracked.Tracks(path)
        )
        || _wasIgnored(path)
        || _isIgnored(path);

    /// <summary>Decides, once the changed files of patterns are known.</summary>
    /// <param name="contents">Their content, by path; one that is not there could not be had.</param>
    public void Decide(IReadOnlyDictionary<string, byte[]> contents)
    {
        List<ListedEntry> returning =
        [
            .. _patterns.Where(entry => entry.Kind == WorkspaceEntryKind.Deleted || contents.ContainsKey(entry.Path)),
        ];
        _left.UnionWith(_patterns.Except(returning));
        for (int round = 0; returning.Count > 0; round++)
        {
            if (round == MaxRounds || _effort.IsSpent)
            {
                _left.UnionWith(returning);
                _isIgnored = _wasIgnored;
                break;
            }

            Dictionary<string, byte[]?> changed = new(StringComparer.Ordinal);
            foreach (ListedEntry entry in returning)
            {
                changed[entry.Path] = contents.GetValueOrDefault(entry.Path);
            }

            _isIgnored = _tracked.Ignoring(changed, _effort);
            _left.UnionWith(_entries.Where(entry => !_left.Contains(entry) && IsLeft(entry, _isIgnored)));
            // A file of patterns that does not come back itself says nothing of what is ignored then.
            if (returning.RemoveAll(_left.Contains) == 0)
            {
                break;
            }
        }
    }

    /// <summary>
    /// Says of what is about to come back whether the rules that come back with it ignore it after all: a file of patterns may have been
    /// held back that spoke for it. What is found stays behind too, and the caller judges the rest anew.
    /// </summary>
    /// <param name="returning">The paths.</param>
    /// <param name="patterns">The content of the files of patterns among them; null for one that is gone.</param>
    /// <returns>What of them stays; empty once nothing does.</returns>
    public IReadOnlySet<string> Recheck(IReadOnlyCollection<string> returning, IReadOnlyDictionary<string, byte[]?> patterns)
    {
        bool isGivenUp = ++_rechecks > MaxRounds || _effort.IsSpent;
        _isIgnored = patterns.Count == 0 ? _wasIgnored : _tracked.Ignoring(patterns, _effort);
        HashSet<string> paths = [.. returning];
        ListedEntry[] found =
        [
            .. _entries
                .Where(entry =>
                    entry.Refusal is null && !_left.Contains(entry) && (entry.Kind == WorkspaceEntryKind.Link || paths.Contains(entry.Path))
                )
                .Where(entry => (isGivenUp && IsPatterns(entry)) || IsLeft(entry, _isIgnored)),
        ];
        _left.UnionWith(found);
        return found.Select(entry => entry.Path).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>
    /// Finds files of patterns about to come back that would have git ignore what lies in the workspace, untracked and shown until
    /// now: an earlier run may have left it there. What builds make does not count, since no run leaves that unless the policy names it.
    /// </summary>
    /// <param name="patterns">Their content, by path, as <see cref="Recheck"/> has taken it.</param>
    /// <param name="gone">What will no longer be there.</param>
    /// <returns>Those found, each with a file that it would hide or, where nothing can be told, with itself.</returns>
    public IReadOnlyDictionary<string, string> FindHiding(IReadOnlyDictionary<string, byte[]?> patterns, IReadOnlySet<string> gone)
    {
        Dictionary<string, string> found = new(StringComparer.Ordinal);
        string[] judged = [.. patterns.Keys.Where(path => !_returned.Covers(path))];
        Dictionary<string, Predicate<string>> without = new(StringComparer.Ordinal);
        foreach (string path in judged.Length == 0 ? [] : _original.Names)
        {
            if (!gone.Contains(path) && MayBeLeft(path) && !_wasIgnored(path) && _isIgnored(path))
            {
                string[] above = [.. judged.Where(file => path.StartsWith(file[..^GitNames.Patterns.Length], StringComparison.Ordinal))];
                string[] alone = above.Length < 2 ? above : [.. above.Where(file => HidesAlone(file, path))];
                foreach (string file in alone.Length == 0 ? above : alone)
                {
                    found.TryAdd(file, path);
                }
            }

            if (found.Count == judged.Length)
            {
                break;
            }
        }

        return _effort.IsSpent ? judged.ToDictionary(file => file, StringComparer.Ordinal) : found;

        bool HidesAlone(string file, string path)
        {
            if (!without.TryGetValue(file, out Predicate<string>? isIgnored))
            {
                if (without.Count == MaxJudgedAlone)
                {
                    return true;
                }

                isIgnored = _tracked.Ignoring(patterns.Where(other => other.Key != file).ToDictionary(StringComparer.Ordinal), _effort);
                without.Add(file, isIgnored);
            }

            return !isIgnored(path);
        }
    }

    private bool MayBeLeft(string path) => !_repositories.Hold(path) && (!BuildFolders.Hold(path, isLink: false) || _returned.Covers(path));

    private static bool IsPatterns(ListedEntry entry) =>
        entry is { Refusal: null, Kind: WorkspaceEntryKind.File or WorkspaceEntryKind.Deleted }
        && GitNames.Is(entry.Path, GitNames.Patterns);

    private bool IsProtected(string path)
    {
        int depth = BuildFolders.Depth(path);
        return _protected.Covers(path, depth) || _protected.LeadsTo(path, depth);
    }

    // A protected path is told as one, whatever else it is.
    private bool IsLeft(ListedEntry entry, Predicate<string> isIgnored) =>
        _original.IsRecord(entry.Path) || IsLeftByRules(entry, isIgnored);

    private bool IsLeftByRules(ListedEntry entry, Predicate<string> isIgnored) =>
        !IsProtected(entry.Path)
        && (
            _repositories.Hold(entry.Path)
                ? entry.Kind != WorkspaceEntryKind.Link
                : (
                    !_returned.Covers(entry.Path)
                    && (
                        (BuildFolders.Hold(entry.Path, entry.Kind == WorkspaceEntryKind.Link) && !_tracked.Tracks(entry.Path))
                        || isIgnored(entry.Path)
                    )
                )
        );

    private bool IsIgnoredFolder(string path) =>
        _wasIgnored($"{path}/{ChangeName.ReservedPrefix}") || _isIgnored($"{path}/{ChangeName.ReservedPrefix}");

    private string? Explain(ListedEntry entry) =>
        entry.Kind switch
        {
            WorkspaceEntryKind.Special => "Not a regular file",
            WorkspaceEntryKind.TooDeep => "Folders are nested too deep",
            WorkspaceEntryKind.Unreadable => "It cannot be read",
            WorkspaceEntryKind.Link when _repositories.Hold(entry.Path) =>
                "Symbolic links are not put in the place of what version control keeps",
            WorkspaceEntryKind.Link when IsProtected(entry.Path) => "Symbolic links are not put in the place of what is protected",
            _ => null,
        };
}
