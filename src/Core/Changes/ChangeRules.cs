using IsolatedAgents.Changes.Returning;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes;

/// <summary>
/// Which changes of a workspace are held back, whatever the verdict: the last line, behind what the supervisor refused while the agent ran.
/// </summary>
internal sealed class ChangeRules(FilesystemPolicy policy, Predicate<string>? isTracked = null, bool ignoresCase = false)
{
    /// <summary>The key that names what is never written.</summary>
    public const string ProtectedRule = "filesystem.protected_paths";

    /// <summary>The key that lets files through that run code.</summary>
    public const string CodeRule = "filesystem.allowed_code_paths";

    /// <summary>The key that lets through what git would not show.</summary>
    public const string HiddenRule = "filesystem.return_ignored";

    private const string AmbiguousName = "Another name differs from it in case, or in the form of its characters, alone";
    private const string Head = "HEAD";
    private const string Settings = "CONFIG";

    private readonly PathGlobs _protected = new(policy.ProtectedPaths, isLoose: true);
    private readonly PathGlobs _returned = new(policy.ReturnIgnored, isLoose: false);
    private readonly PathGlobs _allowedCode = new(policy.AllowedCodePaths, isLoose: false);

    /// <summary>Marks each change, and what hangs on one that is held back.</summary>
    /// <param name="changes">The changes.</param>
    /// <param name="original">The workspace as it was.</param>
    /// <param name="hidden">Changes that git would not show, by path, with the reason.</param>
    public IReadOnlyList<PendingChange> Judge(
        IReadOnlyCollection<PendingChange> changes,
        WorkspaceOriginal original,
        IReadOnlyDictionary<string, string>? hidden = null
    )
    {
        HashSet<string> deleted = [.. changes.Where(change => change.IsDeletion).Select(change => change.Path)];
        HashSet<string> halves =
        [
            .. changes
                .Where(change => !change.IsDeletion)
                .Select(change => change.Path)
                .Concat(original.Names.Where(path => !deleted.Contains(path)))
                .Where(IsHalfOfRepository)
                .Select(NameFolding.Fold),
        ];
        Predicate<string> isThere = path => halves.Contains(NameFolding.Fold(path));
        NameForms? forms = ignoresCase ? new NameForms(original, changes) : null;
        List<PendingChange> judged = [];
        foreach (PendingChange change in changes)
        {
            PendingChange result = Judge(change, original, isThere);
            judged.Add(
                result.IsHeldBack ? result
                : forms?.IsAmbiguous(result.Path) == true ? HoldBack(result, null, AmbiguousName)
                : hidden?.GetValueOrDefault(result.Path) is { } reason ? HoldBack(result, HiddenRule, reason)
                : result
            );
        }

        deleted = [.. judged.Where(change => change.IsDeletion && !change.IsHeldBack).Select(change => change.Path)];
        for (int i = 0; i < judged.Count; i++)
        {
            if (judged[i] is { IsHeldBack: false, IsDeletion: false } change && IsInTheWay(change.Path, original, deleted))
            {
                judged[i] = HoldBack(change, null, "Something that stays in the workspace is in its way");
            }
        }

        return judged;
    }

    /// <summary>Whether a change of a path would be held back for what it is a path of.</summary>
    public bool HoldsBack(string path) =>
        _protected.Covers(path)
        || _protected.LeadsTo(path)
        || RepositoryPaths.IsInFolder(path)
        || ((CodeFiles.Contain(path, _ => true) || BuildFolders.IsBinary(path)) && !_allowedCode.Covers(path));

    private PendingChange Judge(PendingChange change, WorkspaceOriginal original, Predicate<string> isThere)
    {
        string path = change.Path;
        bool isBinary = BuildFolders.IsBinary(path);
        bool runsCode = CodeFiles.Contain(path, isThere) || isBinary;
        change = change with { Change = change.Change with { RunsCode = runsCode } };
        if (_protected.Covers(path) || _protected.LeadsTo(path))
        {
            return HoldBack(change, ProtectedRule, "Is protected") with { IsProtected = true };
        }

        // What is taken has none of these; the last line does not rely on it.
        if (RepositoryPaths.IsInFolder(path))
        {
            return HoldBack(change, null, "Version control keeps it for itself");
        }

        foreach (string at in WorkspaceOriginal.Above(path).Prepend(path))
        {
            if (original.Find(at) is { Kind: not OriginalKind.File } other)
            {
                return HoldBack(
                    change,
                    null,
                    other.Kind switch
                    {
                        OriginalKind.Link => "Symbolic links are not changed, and nothing is written through them",
                        OriginalKind.Special => "What is no regular file is not changed",
                        _ => "The agent was not given what is there",
                    }
                );
            }
        }

        // Who names an untracked binary as one to come back has seen that it is one.
        bool isNamed = isBinary && isTracked?.Invoke(path) != true && _returned.Covers(path) && !CodeFiles.Contain(path, isThere);
        return runsCode && !isNamed && !_allowedCode.Covers(path)
            ? HoldBack(change, CodeRule, "Runs code on a developer's machine")
            : change;
    }

    private static bool IsHalfOfRepository(string path) => NameFolding.Fold(path[(path.LastIndexOf('/') + 1)..]) is Head or Settings;

    // A file where a folder was that keeps something, or below a file that stays.
    private static bool IsInTheWay(string path, WorkspaceOriginal original, HashSet<string> deleted) =>
        original.Below(path).Any(below => !deleted.Contains(below))
        || WorkspaceOriginal.Above(path).Any(above => original.Find(above) is not null && !deleted.Contains(above));

    private static PendingChange HoldBack(PendingChange change, string? rule, string reason) =>
        change with
        {
            Change = change.Change with { Status = WorkspaceChangeStatus.HeldBack, HeldBackReason = reason, HeldBackRule = rule },
        };
}
