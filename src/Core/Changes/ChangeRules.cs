using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Changes;

/// <summary>Which changes of a workspace are held back, whatever the verdict: the last line, behind what the supervisor refused while the agent ran.</summary>
internal sealed class ChangeRules(FilesystemPolicy policy)
{
    /// <summary>The key that names what is never written.</summary>
    public const string ProtectedRule = "filesystem.protected_paths";

    /// <summary>The key that lets files through that run code.</summary>
    public const string CodeRule = "filesystem.allowed_code_paths";

    private readonly PathGlobs _protected = new(policy.ProtectedPaths, isLoose: true);
    private readonly PathGlobs _allowedCode = new(policy.AllowedCodePaths, isLoose: false);

    /// <summary>Marks each change, and what hangs on one that is held back.</summary>
    public IReadOnlyList<PendingChange> Judge(IReadOnlyCollection<PendingChange> changes, WorkspaceOriginal original)
    {
        HashSet<string> written = [.. changes.Where(change => change.Content is not null).Select(change => change.Path)];
        HashSet<string> deleted = [.. changes.Where(change => change.Content is null).Select(change => change.Path)];
        Predicate<string> isThere = path => written.Contains(path) || (original.Find(path) is not null && !deleted.Contains(path));
        List<PendingChange> judged = [.. changes.Select(change => Judge(change, original, isThere))];
        deleted = [.. judged.Where(change => change.Content is null && !change.IsHeldBack).Select(change => change.Path)];
        for (int i = 0; i < judged.Count; i++)
        {
            if (judged[i] is { IsHeldBack: false, Content: not null } change && IsInTheWay(change.Path, original, deleted))
            {
                judged[i] = HoldBack(change, null, "Something that stays in the workspace is in its way");
            }
        }

        return judged;
    }

    private PendingChange Judge(PendingChange change, WorkspaceOriginal original, Predicate<string> isThere)
    {
        string path = change.Path;
        bool runsCode = CodeFiles.Contain(path, isThere);
        change = change with { Change = change.Change with { RunsCode = runsCode } };
        if (_protected.Covers(path) || _protected.LeadsTo(path))
        {
            return HoldBack(change, ProtectedRule, "Is protected") with { IsProtected = true };
        }

        foreach (string at in WorkspaceOriginal.Above(path).Prepend(path))
        {
            if (original.Find(at) is { Kind: not OriginalKind.File } other)
            {
                return HoldBack(change, null, other.Kind switch
                {
                    OriginalKind.Link => "Symbolic links are not changed, and nothing is written through them",
                    OriginalKind.Special => "What is no regular file is not changed",
                    _ => "The agent was not given what is there",
                });
            }
        }

        return runsCode && !_allowedCode.Covers(path) ? HoldBack(change, CodeRule, "Runs code on a developer's machine") : change;
    }

    // A file where a folder was that keeps something, or below a file that stays.
    private static bool IsInTheWay(string path, WorkspaceOriginal original, HashSet<string> deleted) =>
        original.Below(path).Any(below => !deleted.Contains(below)) || WorkspaceOriginal.Above(path).Any(above => original.Find(above) is not null && !deleted.Contains(above));

    private static PendingChange HoldBack(PendingChange change, string? rule, string reason) =>
        change with { Change = change.Change with { Status = WorkspaceChangeStatus.HeldBack, HeldBackReason = reason, HeldBackRule = rule } };
}
