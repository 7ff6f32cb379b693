using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Runs;

/// <summary>Runs an agent under a policy. The one entry of this library.</summary>
/// <param name="loggerFactory">Receives every event of the run, as a <see cref="Telemetry.LoggedEvent"/> state with its own event id.</param>
public sealed class AgentRunner(ILoggerFactory loggerFactory)
{
    /// <summary>Runs one agent and gives its outcome. Every event has been logged when the task completes.</summary>
    /// <exception cref="OperationCanceledException">Never: cancellation gives <see cref="Verdict.Cancelled"/>, so that clean-up and diagnostics are not lost.</exception>
    public Task<AgentRunResult> RunAsync(AgentRunRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(new AgentRunResult { Verdict = Verdict.EngineError });
    }
}
