using System.Collections.Immutable;
using IsolatedAgents.Changes;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution;

/// <summary>The results of a sandbox that has ended: exit, artifacts and changes.</summary>
/// <param name="ExitCode">The agent's own; null where a signal or we ended it.</param>
/// <param name="Signal">Null where none ended it.</param>
/// <param name="Artifacts">Collected files.</param>
internal sealed record SandboxReport(int? ExitCode, int? Signal, ImmutableArray<Artifact> Artifacts)
{
    /// <summary>
    /// The agent's changes in its copy of the workspace; null where it had none to change, or where that is not known. The owner disposes
    /// of it.
    /// </summary>
    public WorkspaceChangeSet? Changes { get; init; }

    /// <summary>Why the engine counts as lost, so that the agent was ended; null where it does not.</summary>
    public string? EngineLoss { get; init; }
}
