using IsolatedAgents.Diagnostics;
using IsolatedAgents.Execution;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Hosts;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;
using IsolatedAgents.Telemetry;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Action;

/// <summary>Runs one agent and shows it to the host that the process runs on.</summary>
/// <param name="terminal">What the process has around it.</param>
/// <param name="prepareRun">Prepares the run.</param>
/// <param name="host">The host; null for a plain log.</param>
internal sealed class HostedRun(Terminal terminal, PrepareRun prepareRun, BuildHost? host)
{
    /// <summary>Runs it, reports the outcome to the host, and gives the result.</summary>
    /// <param name="request">The run.</param>
    /// <param name="ended">Called when the run has ended, before the host is told; null where nobody waits for that.</param>
    /// <param name="cancellationToken">Ends the agent.</param>
    public async Task<AgentRunResult> RunAsync(AgentRunRequest request, System.Action? ended, CancellationToken cancellationToken)
    {
        PreparedRun run = await prepareRun(request, cancellationToken);
        string? auditLog = request.AuditLog is { Length: > 0 } given ? Path.GetFullPath(given, request.BaseDirectory) : null;
        IHostLog log = Open(run.Telemetry, auditLog);
        log.Mask(run.Secrets);
        RunOutcome outcome;
        using (ILoggerFactory loggers = TelemetryComposition.Create(run.Telemetry, terminal, log))
        {
            outcome = await run.RunAsync(loggers, cancellationToken);
        }

        ended?.Invoke();
        log.Report(outcome);
        return outcome.Result;
    }

    /// <summary>Reports a request that was refused before there was a run.</summary>
    public AgentRunResult Refuse(ConfigurationException failure)
    {
        AgentRunResult refused = new() { Verdict = Verdict.ConfigurationError, Diagnostics = [failure.Diagnostic] };
        Open(TelemetrySettings.Default, null).Report(new RunOutcome(refused));
        return refused;
    }

    private IHostLog Open(TelemetrySettings settings, string? auditLog)
    {
        TelemetryFormat format = TelemetryComposition.FormatOf(settings, terminal);
        if (host is null)
        {
            return settings.Enabled && format == TelemetryFormat.Rich && terminal.IsOutputTerminal
                ? new TerminalLog(
                    terminal.Output,
                    terminal.Error,
                    RichCapabilities.Detect(terminal.Environment, terminal.IsOutputTerminal, terminal.Output.Encoding),
                    terminal.Columns
                )
                : new PlainLog(terminal.Error);
        }

        // Standard output then holds JSON lines and nothing else; hosts read commands from standard error as well.
        bool isJson = format == TelemetryFormat.Json;
        CommandWriter writer = new(isJson ? terminal.Error : terminal.Output);
        return host.Open(new HostLogContext(writer, terminal.Environment, auditLog, ShowsGroups: !isJson));
    }
}
