using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Hosts;
using IsolatedAgents.Policies;
using IsolatedAgents.Telemetry;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Action;

/// <summary>Joins the run's events to standard output.</summary>
internal static class TelemetryComposition
{
    /// <summary>The loggers that a run reports to.</summary>
    public static ILoggerFactory Create(TelemetrySettings settings, Terminal terminal, IHostLog host) =>
        LoggerFactory.Create(builder =>
        {
            // The provider alone decides by the policy's level; the factory's own default would hide DEBUG.
            builder.SetMinimumLevel(LogLevel.Trace);
            if (settings.Enabled)
            {
                builder.AddProvider(
                    new PhasedLoggerProvider(
                        new TelemetryLoggerProvider(
                            new TelemetryOutput
                            {
                                Stream = terminal.OutputStream,
                                Format = FormatOf(settings, terminal),
                                Level = settings.Level,
                                IsTerminal = terminal.IsOutputTerminal,
                                Columns = terminal.Columns,
                                Encoding = terminal.Output.Encoding,
                                Environment = terminal.Environment,
                            }
                        ),
                        host
                    )
                );
            }
        });

    /// <summary>The format of the events: the policy's, or the one that fits the place.</summary>
    public static TelemetryFormat FormatOf(TelemetrySettings settings, Terminal terminal) =>
        settings.Format ?? (terminal.IsOutputTerminal ? TelemetryFormat.Rich : TelemetryFormat.Simple);
}
