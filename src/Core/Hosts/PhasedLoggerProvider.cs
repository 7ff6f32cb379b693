using IsolatedAgents.Events;
using IsolatedAgents.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace IsolatedAgents.Hosts;

/// <summary>Shows events as another provider does, in parts that the host folds.</summary>
internal sealed class PhasedLoggerProvider(TelemetryLoggerProvider events, IHostLog host) : ILoggerProvider
{
    private readonly Lock _writing = new();
    private Phase? _phase;

    public ILogger CreateLogger(string categoryName) =>
        categoryName == LoggerSink.Category ? new PhasedLogger(this, events.CreateLogger(categoryName)) : NullLogger.Instance;

    // The part that is open is closed by whoever tells the outcome: a factory does not dispose of a provider that it was given.
    public void Dispose() => events.Dispose();

    private void Enter(TelemetryEvent raised)
    {
        if (Phase.Of(raised) is not { } phase || ReferenceEquals(phase, _phase))
        {
            // The first event may belong to no part, and what it says may be the agent's.
            if (_phase is not null)
            {
                return;
            }

            phase = Phase.First;
        }
        else if (phase.Percent < (_phase?.Percent ?? 0))
        {
            // A late event of an earlier part stays where the log is.
            return;
        }

        if (_phase is not null)
        {
            host.End();
        }

        _phase = phase;
        host.Begin(phase);
    }

    private sealed class PhasedLogger(PhasedLoggerProvider owner, ILogger inner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

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

            lock (owner._writing)
            {
                owner.Enter(logged.Event);
                inner.Log(logLevel, eventId, state, exception, formatter);
            }
        }
    }
}
