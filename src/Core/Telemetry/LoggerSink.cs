using IsolatedAgents.Events;
using IsolatedAgents.Events.Streaming;
using IsolatedAgents.Policies;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Telemetry;

/// <summary>Passes events to a logger, so that any logging provider can take them.</summary>
internal sealed class LoggerSink(ILogger logger) : ITelemetrySink
{
    /// <summary>The category of all events.</summary>
    public const string Category = "IsolatedAgents";

    public static LogLevel LogLevelOf(TelemetryLevel level) =>
        level switch
        {
            TelemetryLevel.Debug => LogLevel.Debug,
            TelemetryLevel.Info => LogLevel.Information,
            TelemetryLevel.Warning => LogLevel.Warning,
            _ => LogLevel.Error,
        };

    public void Write(TelemetryEvent telemetryEvent)
    {
        LogLevel level = LogLevelOf(telemetryEvent.Level);
        if (logger.IsEnabled(level))
        {
            var id = new EventId(telemetryEvent.Descriptor.Id, telemetryEvent.Descriptor.Name);
            logger.Log(level, id, new LoggedEvent(telemetryEvent), null, static (logged, _) => logged.ToString());
        }
    }

    public ValueTask FlushAsync() => ValueTask.CompletedTask;
}
