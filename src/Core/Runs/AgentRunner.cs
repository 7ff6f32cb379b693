using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Reports;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Runs;

/// <summary>Runs an agent under a policy. The one entry of this library.</summary>
/// <param name="loggerFactory">Receives every event of the run, in order, in category <c>IsolatedAgents</c> with the event's own id and structured details.</param>
public sealed class AgentRunner(ILoggerFactory loggerFactory)
{
    private readonly ILoggerFactory _loggerFactory = loggerFactory ?? throw new ArgumentNullException(nameof(loggerFactory));

    /// <summary>
    /// Runs one agent and gives its outcome. Every event has been logged, and every process of the agent has ended, when the task completes.
    /// Trouble of any kind is in the result, and so is cancellation, as <see cref="Verdict.Cancelled"/>.
    /// </summary>
    public async Task<AgentRunResult> RunAsync(AgentRunRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        SteadyClock clock = new(TimeProvider.System);
        string sessionId = request.SessionId ?? Guid.CreateVersion7().ToString("N");
        ResolvedRun run;
        try
        {
            run = RunResolver.Resolve(request, sessionId);
        }
        catch (ConfigurationException failure)
        {
            return Failed(Verdict.ConfigurationError, failure.Diagnostic);
        }

        return await new AgentRun(_loggerFactory, request, run, clock).RunAsync(cancellationToken).ConfigureAwait(false);

        AgentRunResult Failed(Verdict verdict, Diagnostic diagnostic)
        {
            AgentRunResult failed = new()
            {
                Verdict = verdict,
                SessionId = sessionId,
                Duration = clock.Elapsed,
                Diagnostics = [diagnostic],
            };
            return failed with
            {
                Report = new RunReport
                {
                    Result = failed,
                    Started = clock.Start,
                    Agent = request.Agent ?? request.Command ?? "",
                    PolicyFile = request.PolicyFile,
                    Findings = new FindingList(request, null).Create(failed.Diagnostics, []),
                },
            };
        }
    }
}
