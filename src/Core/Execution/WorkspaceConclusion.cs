using IsolatedAgents.Changes;
using IsolatedAgents.Changes.Commits;
using IsolatedAgents.Events;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Runs;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Execution;

/// <summary>
/// Decides about the changes of a writable workspace once the verdict is there: they are applied if it passed, and told in any case.
/// </summary>
internal sealed class WorkspaceConclusion(ResolvedRun run, RunEvents events)
{
    /// <summary>The key that asks for commits.</summary>
    public const string CommitsRule = "filesystem.return_git";

    private readonly ChangeReport? _report = run.ReportDirectory is null ? null : new ChangeReport(run.ReportDirectory, events.Masker);

    /// <summary>Decides. Why the changes could not be applied although they were to be; null where all is well.</summary>
    /// <param name="set">The changes; null where they are not known.</param>
    /// <param name="verdict">The run's, without them.</param>
    public async Task<string?> DecideAsync(WorkspaceChangeSet? set, Verdict verdict)
    {
        _report?.Clear();
        if (set is null)
        {
            return null;
        }

        _report?.WritePatches(set);
        await ConcludeCommitsAsync(set.Commits).ConfigureAwait(false);
        string? problem = null;
        if (verdict == Verdict.Passed)
        {
            try
            {
                set.Apply(run.SessionId);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                problem = $"{failure.Message} No change was applied.";
            }
        }

        _report?.WriteList(set, run.SessionId, (problem is null ? verdict : Verdict.EngineError).Name());
        foreach (WorkspaceChange change in set.Results.Where(change => change.Status != WorkspaceChangeStatus.HeldBack))
        {
            await events
                .RaiseAsync(
                    new WorkspaceChanged(change.Path, change.Kind.ToString(), change.After?.Size, set.IsApplied ? "Applied" : "Not applied")
                )
                .ConfigureAwait(false);
        }

        return problem;
    }

    private async Task ConcludeCommitsAsync(CommitSeries? series)
    {
        if (series is null)
        {
            return;
        }

        string? problem = series.Problem
            ?? (_report is null && series.Patches.Count > 0 ? "there is no report directory that they could be written to" : null);
        if (problem is not null)
        {
            await events
                .RaiseAsync(
                    new WorkspaceHeldBack(ChangeReport.CommitsName, "Commits", $"The agent's commits are not given: {problem}", CommitsRule)
                )
                .ConfigureAwait(false);
            return;
        }

        foreach (string file in _report?.WriteCommits(series) ?? [])
        {
            await events.RaiseAsync(new WorkspaceChanged(file, "Commit", null, "Written to the report")).ConfigureAwait(false);
        }

        if (series.HeldBackPath is { } path)
        {
            await events
                .RaiseAsync(
                    new WorkspaceHeldBack(
                        ChangeReport.HeldCommitsName,
                        "Commits",
                        $"A commit changes '{Text.UntrustedText.Display(path)}', which is held back",
                        CommitsRule
                    )
                )
                .ConfigureAwait(false);
        }
    }
}
