using System.Collections.Immutable;
using IsolatedAgents.Execution.Resolution;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Execution;

/// <summary>
/// A run whose policy has been read and judged, once. A front end takes from it what it needs before the run, and then runs it, once:
/// a policy file that changes in between changes nothing.
/// </summary>
/// <param name="telemetry">How the policy wants events to be shown; the defaults where the policy is wrong.</param>
/// <param name="secrets">Values that a front end has its host hide.</param>
/// <param name="run">Runs it, or gives the outcome that was certain already.</param>
internal sealed class PreparedRun(
    TelemetrySettings telemetry,
    ImmutableArray<string> secrets,
    Func<ILoggerFactory, CancellationToken, Task<RunOutcome>> run
)
{
    public TelemetrySettings Telemetry => telemetry;

    public ImmutableArray<string> Secrets => secrets;

    public Task<RunOutcome> RunAsync(ILoggerFactory loggers, CancellationToken cancellationToken) => run(loggers, cancellationToken);
}
