using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Execution;
using IsolatedAgents.Execution.UpToDate;
using IsolatedAgents.Runs;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents;

/// <summary>Runs an agent under a policy. The one entry of this library.</summary>
/// <param name="loggerFactory">
/// Receives every event of the run, in order, in category <c>IsolatedAgents</c> with the event's own id and structured details.
/// </param>
public sealed class AgentRunner(ILoggerFactory loggerFactory)
{
    private readonly EngineMemory _memory = new();
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
    /// Runs one agent and gives its outcome. Every event has been logged, and every process of the agent has ended, when the task
    /// completes. Trouble of any kind is in the result, and so is cancellation, as <see cref="Verdict.Cancelled"/>.
    /// </summary>
    public async Task<AgentRunResult> RunAsync(AgentRunRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        PreparedRun run = await RunPreparation.PrepareAsync(request, _memory, cancellationToken).ConfigureAwait(false);
        return (await run.RunAsync(_loggerFactory, cancellationToken).ConfigureAwait(false)).Result;
    }
}
