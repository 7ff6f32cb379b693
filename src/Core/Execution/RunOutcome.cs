using IsolatedAgents.Engines;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution;

/// <summary>What a run leaves for those who show it.</summary>
/// <param name="Result">The outcome.</param>
internal sealed record RunOutcome(AgentRunResult Result)
{
    /// <summary>What reports show of the run; null where the request was refused before a run was begun.</summary>
    public RunReport? Report { get; init; }

    /// <summary>How the engine names this process's files; null where no engine was asked.</summary>
    public HostPathMap? HostPaths { get; init; }
}
