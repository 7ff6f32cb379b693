using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace IsolatedAgents.Telemetry;

/// <summary>
/// A logging provider that shows the events of runs, in the format of its <see cref="TelemetryOutput"/>. Other log entries are not its
/// business.
/// </summary>
public sealed class TelemetryLoggerProvider : ILoggerProvider
{
    private readonly EventLogger _logger;

    /// <summary>Shows events in the given place.</summary>
    public TelemetryLoggerProvider(TelemetryOutput output)
    {
        ArgumentNullException.ThrowIfNull(output);
        _logger = new EventLogger(output.CreateFormat(), LoggerSink.LogLevelOf(output.Level));
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => categoryName == LoggerSink.Category ? _logger : NullLogger.Instance;

    /// <inheritdoc/>
    public void Dispose() => _logger.Flush();

    private sealed class EventLogger(IEventFormat format, LogLevel level) : ILogger
    {
        private readonly Lock _writing = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= level && logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (state is LoggedEvent logged && IsEnabled(logLevel))
            {
                lock (_writing)
                {
                    format.Write(logged.Event);
                    format.Flush();
                }
            }
        }

        public void Flush()
        {
            lock (_writing)
            {
                format.Flush();
            }
        }
    }
}
