using IsolatedAgents.Repositories.Ignoring;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes.Returning;

/// <summary>
/// Decides which of the changes that were taken come back, until they fit what the rules that come back with them say of them
/// and of the rest of the workspace.
/// </summary>
/// <param name="original">The workspace as it was.</param>
/// <param name="selection">What was taken.</param>
/// <param name="rules">What is held back for what it is.</param>
/// <param name="hidden">What is held back since git would not show it.</param>
internal sealed class ReturnJudge(WorkspaceOriginal original, ReturnSelection selection, ChangeRules rules, HiddenContent hidden)
{
    /// <summary>Judges changes, and drops those that are found to stay behind after all.</summary>
    public IReadOnlyList<PendingChange> Judge(IReadOnlyList<PendingChange> changes)
    {
        Dictionary<string, string> held = new(StringComparer.Ordinal);
        while (true)
        {
            IReadOnlyList<PendingChange> judged = rules.Judge(changes, original, held);
            PendingChange[] returning = [.. judged.Where(change => !change.IsHeldBack)];
            Dictionary<string, byte[]?> patterns = returning
                .Where(change => GitNames.Is(change.Path, GitNames.Patterns))
                .ToDictionary(change => change.Path, Read, StringComparer.Ordinal);
            IReadOnlySet<string> left = selection.Recheck([.. returning.Select(change => change.Path)], patterns);
            if (returning.Any(change => left.Contains(change.Path)))
            {
                changes = [.. changes.Where(change => !left.Contains(change.Path))];
                continue;
            }

            HashSet<string> gone = [.. returning.Where(change => change.IsDeletion).Select(change => change.Path)];
            (string, string)[] found =
            [
                .. hidden.Find(returning).Select(change => (change.Key, change.Value)),
                .. selection
                    .FindHiding(patterns, gone)
                    .Select(file => (file.Key, $"It would have git ignore '{file.Value}', which lies there untracked")),
            ];
            if (found.Length == 0)
            {
                return judged;
            }

            foreach ((string path, string reason) in found)
            {
                held.TryAdd(path, reason);
            }
        }
    }

    private static byte[]? Read(PendingChange change) => change.Content is { } content ? File.ReadAllBytes(content) : null;
}
