using System.Collections.Frozen;
using IsolatedAgents.Repositories.Ignoring;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes.Returning;

/// <summary>
/// The repositories whose files are in the workspace: the one around it, and those in it. What they are is decided by this machine's files
/// alone, of which the agent has changed none.
/// </summary>
internal sealed class TrackedFiles
{
    private const string GitName = ".git";

    private readonly Member? _around;
    private readonly Dictionary<string, Member> _within = new(StringComparer.Ordinal);
    private readonly bool _ignoresCase;

    /// <param name="original">The workspace as it was.</param>
    /// <param name="environment">Where the user's settings of git are found.</param>
    /// <param name="ignoresCase">Whether the workspace's file system takes names in either case for the same.</param>
    public TrackedFiles(WorkspaceOriginal original, FrozenDictionary<string, string> environment, bool ignoresCase)
    {
        _ignoresCase = ignoresCase;
        if (GitRepository.Above(original.FullPath, environment) is { } around)
        {
            string prefix = Path.GetRelativePath(around.Root, original.FullPath).Replace(Path.DirectorySeparatorChar, '/');
            _around = new Member(around, "", prefix == "." ? "" : prefix + "/");
        }

        foreach (string root in Roots(original))
        {
            if (GitRepository.Of(Path.Combine(original.FullPath, root), environment) is { } within)
            {
                _within.Add(root, new Member(within, root, ""));
            }
        }
    }

    /// <summary>Whether a repository tracks the file and shows its changes.</summary>
    public bool Tracks(string path) => Members(path).Any(member => member.Repository.Index.Tracks(member.PathOf(path)));

    /// <summary>Whether there is a repository below a folder, or right there.</summary>
    public bool HasRepositoryBelow(string folder) =>
        _within.Keys.Any(root => root == folder || root.StartsWith(folder + "/", StringComparison.Ordinal));

    /// <summary>The rules by which the repositories ignore files in a state of the workspace.</summary>
    /// <param name="changed">
    /// The content of files of patterns that differ from this machine's, by their paths below the workspace; null for one that is gone.
    /// </param>
    /// <param name="effort">What may still go into comparing.</param>
    /// <returns>Says of a file or link whether it would be untracked and ignored, or whether git does not look at it.</returns>
    public Predicate<string> Ignoring(IReadOnlyDictionary<string, byte[]?> changed, MatchEffort effort)
    {
        Dictionary<Member, IgnoreRules> rules = [];
        return path =>
        {
            foreach (Member member in Members(path))
            {
                string name = member.PathOf(path);
                GitIndex index = member.Repository.Index;
                if (index.Hides(name))
                {
                    return true;
                }

                if (index.Tracks(name))
                {
                    continue;
                }

                if (WorkspaceOriginal.Above(name).FirstOrDefault(index.HasRepository) is { } module)
                {
                    if (member.Repository.HidesModule(module))
                    {
                        return true;
                    }

                    continue;
                }

                if (member.Repository.HidesUntracked)
                {
                    return true;
                }

                if (!rules.TryGetValue(member, out IgnoreRules? known))
                {
                    known = new IgnoreRules(
                        folder => Load(member, folder, changed),
                        member.Repository.Excludes,
                        _ignoresCase || member.Repository.IgnoresCase,
                        effort
                    );
                    rules.Add(member, known);
                }

                if (known.IsIgnored(name))
                {
                    return true;
                }
            }

            return false;
        };
    }

    /// <summary>The parts of a file's content that attributes and settings may hide, in a state of the workspace.</summary>
    /// <param name="changed">
    /// The content of files of attributes that come back, by their paths below the workspace. This machine's count as well.
    /// </param>
    /// <param name="effort">What may still go into comparing.</param>
    public Func<string, ContentHiding> Hiding(IReadOnlyDictionary<string, byte[]> changed, MatchEffort effort)
    {
        Dictionary<Member, AttributeRules> rules = [];
        return path =>
        {
            ContentHiding hiding = ContentHiding.None;
            foreach (Member member in Members(path))
            {
                GitRepository repository = member.Repository;
                if (!rules.TryGetValue(member, out AttributeRules? known))
                {
                    bool ignoresCase = _ignoresCase || repository.IgnoresCase;
                    known = new AttributeRules(
                        folder => LoadAttributes(member, folder, changed),
                        repository.Attributes,
                        ignoresCase,
                        effort
                    );
                    rules.Add(member, known);
                }

                hiding |= repository.Hiding | known.Of(member.PathOf(path));
            }

            return hiding;
        };
    }

    /// <summary>Whether one of them does not show that a file may be executed.</summary>
    public bool HidesModes(string path) => Members(path).Any(member => member.Repository.HidesModes);

    private static List<AttributeFile>? LoadAttributes(Member member, string folder, IReadOnlyDictionary<string, byte[]> changed)
    {
        string path = folder.Length == 0 ? GitNames.Attributes : $"{folder}/{GitNames.Attributes}";
        byte[]? content = member.Repository.LoadAttributes(folder, out bool isKnown);
        byte[]? returned = member.WorkspacePathOf(path) is { } below ? changed.GetValueOrDefault(below) : null;
        return isKnown ? [.. new[] { content, returned }.OfType<byte[]>().Select(bytes => AttributeFile.Parse(bytes))] : null;
    }

    private static byte[]? Load(Member member, string folder, IReadOnlyDictionary<string, byte[]?> changed)
    {
        string path = folder.Length == 0 ? GitNames.Patterns : $"{folder}/{GitNames.Patterns}";
        return member.WorkspacePathOf(path) is { } below && changed.TryGetValue(below, out byte[]? content)
            ? content
            : member.Repository.LoadPatterns(folder);
    }

    // From the outermost to the innermost.
    private IEnumerable<Member> Members(string path)
    {
        if (_around is not null)
        {
            yield return _around;
        }

        foreach (string folder in _within.Count == 0 ? [] : WorkspaceOriginal.Above(path).Reverse())
        {
            if (_within.TryGetValue(folder, out Member? member))
            {
                yield return member;
            }
        }
    }

    private static HashSet<string> Roots(WorkspaceOriginal original)
    {
        HashSet<string> roots = new(StringComparer.Ordinal);
        foreach (string path in original.Names)
        {
            foreach (string at in WorkspaceOriginal.Above(path).Prepend(path))
            {
                if (at.EndsWith("/" + GitName, StringComparison.OrdinalIgnoreCase))
                {
                    roots.Add(at[..^(GitName.Length + 1)]);
                }
            }
        }

        return roots;
    }

    /// <param name="Repository">The repository.</param>
    /// <param name="Root">Where it begins in the workspace; empty where that is the workspace, or above it.</param>
    /// <param name="Prefix">The way from there to the workspace.</param>
    private sealed record Member(GitRepository Repository, string Root, string Prefix)
    {
        public string PathOf(string path) => Prefix + (Root.Length == 0 ? path : path[(Root.Length + 1)..]);

        public string? WorkspacePathOf(string path) =>
            Root.Length > 0 ? $"{Root}/{path}"
            : path.StartsWith(Prefix, StringComparison.Ordinal) ? path[Prefix.Length..]
            : null;
    }
}
