using System.Collections.Immutable;
using IsolatedAgents.Execution;

namespace IsolatedAgents.Hosts;

/// <summary>Shows one run to its host, beside the run's events. Implementations decide nothing.</summary>
internal interface IHostLog
{
    /// <summary>Has the host hide values wherever they occur, before anything else is written.</summary>
    void Mask(ImmutableArray<string> secrets);

    /// <summary>Opens a part of the log, which holds text of the agent's.</summary>
    void Begin(Phase phase);

    /// <summary>Closes the part that is open.</summary>
    void End();

    /// <summary>Closes what is open and tells the outcome: annotations, summary and outputs.</summary>
    void Report(RunOutcome outcome);
}
