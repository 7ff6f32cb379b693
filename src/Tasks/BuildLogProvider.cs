using System.Text;
using IsolatedAgents.Events;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Policies;
using IsolatedAgents.Telemetry;
using IsolatedAgents.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ILogger = Microsoft.Extensions.Logging.ILogger;

namespace IsolatedAgents.Tasks;

/// <summary>
/// Shows a run's events in the build log, as messages only: errors and warnings of the build come from the run's diagnostics, so that
/// nothing appears twice and nothing that an agent says becomes one.
/// </summary>
internal sealed class BuildLogProvider(TaskLoggingHelper log, TelemetrySettings settings) : ILoggerProvider
{
    private readonly BuildLogger _logger = new(log, settings);

    public ILogger CreateLogger(string categoryName) => categoryName == LoggerSink.Category ? _logger : NullLogger.Instance;

    public void Dispose() => _logger.Dispose();

    private sealed class BuildLogger(TaskLoggingHelper log, TelemetrySettings settings) : ILogger, IDisposable
    {
        private readonly LogLevel _level = LoggerSink.LogLevelOf(settings.Level);
        private readonly MemoryStream _rendered = new();
        private IEventFormat? _format;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= _level && logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (state is not LoggedEvent logged || !IsEnabled(logLevel))
            {
                return;
            }

            MessageImportance importance = ImportanceOf(logged.Event);
            if (log.LogsMessagesOfImportance(importance))
            {
                log.LogMessage(importance, "{0}", Text(logged.Event));
            }
        }

        public void Dispose() => _rendered.Dispose();

        /// <summary>
        /// Milestones, what the agent says and trouble are shown at the usual verbosity of a build; figures and single accesses at a higher
        /// one.
        /// </summary>
        private static MessageImportance ImportanceOf(TelemetryEvent telemetryEvent) =>
            telemetryEvent.Level switch
            {
                TelemetryLevel.Debug => MessageImportance.Low,
                TelemetryLevel.Warning or TelemetryLevel.Error => MessageImportance.High,
                _ => telemetryEvent
                    is ContainerProvisioning
                        or DependenciesInstalling
                        or DependenciesInstalled
                        or AgentStarting
                        or AgentOutput
                        or AgentCompleted
                        or SessionCompleted
                    ? MessageImportance.High
                    : MessageImportance.Normal,
            };

        private string Text(TelemetryEvent telemetryEvent)
        {
            if (settings.Format is TelemetryFormat.Json or TelemetryFormat.Rich)
            {
                return Rendered(telemetryEvent);
            }

            return telemetryEvent is AgentOutput output ? "| " + UntrustedText.Display(output.Line) : SimpleFormat.Body(telemetryEvent);
        }

        private string Rendered(TelemetryEvent telemetryEvent)
        {
            _format ??= new TelemetryOutput { Stream = _rendered, Format = settings.Format ?? TelemetryFormat.Simple }.CreateFormat();
            _rendered.SetLength(0);
            _format.Write(telemetryEvent);
            _format.Flush();
            return Encoding.UTF8.GetString(_rendered.GetBuffer().AsSpan(0, (int)_rendered.Length)).TrimEnd('\n');
        }
    }
}
