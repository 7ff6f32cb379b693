using IsolatedAgents.Engines;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution;

/// <summary>The end of a run, as front ends show it.</summary>
/// <param name="Result">The outcome.</param>
internal sealed record RunOutcome(AgentRunResult Result)
{
    /// <summary>The content of the run's reports; null when the request was refused before a run began.</summary>
    public RunReport? Report { get; init; }

    /// <summary>How the engine names this process's files; null where no engine was asked.</summary>
    public HostPathMap? HostPaths { get; init; }
}
