using IsolatedAgents.Events;
using IsolatedAgents.Telemetry;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>Keeps every event, and lets a test wait for one.</summary>
internal sealed class EventKeeper : ILoggerProvider, ILogger
{
    private readonly Lock _lock = new();
    private readonly List<TelemetryEvent> _events = [];
    private readonly List<(Func<TelemetryEvent, bool> Wanted, TaskCompletionSource<TelemetryEvent> Found)> _waiting = [];

    public IReadOnlyList<TelemetryEvent> Events
    {
        get
        {
            lock (_lock)
            {
                return [.. _events];
            }
        }
    }

    /// <summary>Completes with the first event of a kind, come or to come.</summary>
    public Task<TelemetryEvent> FirstAsync<T>(Func<T, bool>? wanted = null)
        where T : TelemetryEvent
    {
        TaskCompletionSource<TelemetryEvent> found = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_events.FirstOrDefault(IsWanted) is { } already)
            {
                found.SetResult(already);
            }
            else
            {
                _waiting.Add((IsWanted, found));
            }
        }

        return found.Task;

        bool IsWanted(TelemetryEvent raised) => raised is T typed && (wanted is null || wanted(typed));
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        if (state is not LoggedEvent { Event: { } raised })
        {
            return;
        }

        lock (_lock)
        {
            _events.Add(raised);
            foreach ((Func<TelemetryEvent, bool> wanted, TaskCompletionSource<TelemetryEvent> found) in _waiting)
            {
                if (wanted(raised))
                {
                    found.TrySetResult(raised);
                }
            }
        }
    }

    public void Dispose() { }
}
