using System.Collections.Immutable;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes;

/// <summary>The changes in an agent's copy of the workspace, with the new content, until the run decides about them.</summary>
internal sealed class WorkspaceChangeSet(WorkspaceOriginal original, IReadOnlyList<PendingChange> changes, string? staging) : IDisposable
{
    /// <summary>Absolute host path of the workspace.</summary>
    public string Workspace => original.FullPath;

    /// <summary>In the order of their paths.</summary>
    public IReadOnlyList<PendingChange> Changes => changes;

    /// <summary>The agent's commits; null where they were not asked for.</summary>
    public Commits.CommitSeries? Commits { get; set; }

    /// <summary>Counts of the changes that stay in the agent's copy.</summary>
    public Returning.LeftBehind Left { get; set; } = new(0, 0, 0, 0);

    /// <summary>Whether the workspace has what is not held back.</summary>
    public bool IsApplied { get; private set; }

    /// <summary>The changes with what was done with each.</summary>
    public ImmutableArray<WorkspaceChange> Results =>
        [
            .. changes.Select(change =>
                change.IsHeldBack
                    ? change.Change
                    : change.Change with
                    {
                        Status = IsApplied ? WorkspaceChangeStatus.Applied : WorkspaceChangeStatus.NotApplied,
                    }
            ),
        ];

    /// <summary>Puts what is not held back into the workspace: all of it, or none.</summary>
    /// <exception cref="IOException">
    /// The workspace is no longer what the agent was given, or cannot be written. It is as it was.
    /// </exception>
    public void Apply(string sessionId)
    {
        PendingChange[] applied = [.. changes.Where(change => !change.IsHeldBack)];
        if (applied.Length > 0)
        {
            if (!original.IsInPlace)
            {
                throw new IOException($"'{Workspace}' is no longer the folder that the agent was given a copy of.");
            }

            new WorkspaceWriter(Workspace, sessionId).Write(applied);
        }

        IsApplied = true;
    }

    public void Dispose()
    {
        if (staging is not null && Directory.Exists(staging))
        {
            Directory.Delete(staging, recursive: true);
        }
    }
}
