using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Execution;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Execution.UpToDate;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents;

/// <summary>Runs an agent under a policy. The one entry of this library.</summary>
/// <param name="loggerFactory">Receives every event of the run, in order, in category <c>IsolatedAgents</c> with the event's own id and structured details.</param>
public sealed class AgentRunner(ILoggerFactory loggerFactory)
{
    private readonly ILoggerFactory _loggerFactory = loggerFactory ?? throw new ArgumentNullException(nameof(loggerFactory));

    /// <summary>
    /// Looks for the record of a passing run of what a request asks for, in its <see cref="AgentRunRequest.StampFile"/>, and runs nothing.
    /// The result is <see cref="Verdict.Passed"/> with the warnings of that run, or <see cref="Verdict.ConfigurationError"/> with IA8003.
    /// </summary>
    public static AgentRunResult FindRecord(AgentRunRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            return RunRecord.Find(request);
        }
        catch (ConfigurationException failure)
        {
            return new AgentRunResult { Verdict = Verdict.ConfigurationError, Diagnostics = [failure.Diagnostic] };
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            string message = $"An input of the step cannot be read: {failure.Message}";
            return new AgentRunResult
            {
                Verdict = Verdict.ConfigurationError,
                Diagnostics = [new Diagnostic(DiagnosticTable.Parameters, DiagnosticSeverity.Error, message)],
            };
        }
    }

    /// <summary>
    /// Runs one agent and gives its outcome. Every event has been logged, and every process of the agent has ended, when the task completes.
    /// Trouble of any kind is in the result, and so is cancellation, as <see cref="Verdict.Cancelled"/>.
    /// </summary>
    public async Task<AgentRunResult> RunAsync(AgentRunRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        SteadyClock clock = new(TimeProvider.System);
        string sessionId = request.SessionId ?? Guid.CreateVersion7().ToString("N");
        RunStamp? stamp = null;
        try
        {
            stamp = RunStamp.Create(request);
            if (await UnchangedRun.FindAsync(request, stamp, sessionId, cancellationToken).ConfigureAwait(false) is { } unchanged)
            {
                return Reported(unchanged with { Duration = clock.Elapsed });
            }

            // Before anything can go wrong: what fails, or is broken off, leaves no record of a pass.
            stamp?.Clear();
        }
        catch (ConfigurationException)
        {
            // The agent is not there, as is said below in its turn.
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            string message = $"An input or the record of the step cannot be read or replaced: {failure.Message}";
            return Failed(Verdict.ConfigurationError, new Diagnostic(DiagnosticTable.Parameters, DiagnosticSeverity.Error, message));
        }

        ResolvedRun run;
        try
        {
            run = RunResolver.Resolve(request, sessionId);
        }
        catch (ConfigurationException failure)
        {
            return Failed(Verdict.ConfigurationError, failure.Diagnostic);
        }

        return await new AgentRun(_loggerFactory, request, run, clock) { Stamp = stamp }.RunAsync(cancellationToken).ConfigureAwait(false);

        AgentRunResult Failed(Verdict verdict, Diagnostic diagnostic)
        {
            return Reported(new AgentRunResult
            {
                Verdict = verdict,
                SessionId = sessionId,
                Duration = clock.Elapsed,
                Diagnostics = [diagnostic],
            });
        }

        AgentRunResult Reported(AgentRunResult result) => result with
        {
            Report = new RunReport
            {
                Result = result,
                Started = clock.Start,
                Agent = request.Agent ?? request.Command ?? "",
                PolicyFile = request.PolicyFile,
                Findings = new FindingList(request, null).Create(result.Diagnostics, []),
            },
        };
    }
}
