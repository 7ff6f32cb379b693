using IsolatedAgents.Events;
using IsolatedAgents.Telemetry;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Benchmarks;

/// <summary>Counts the agent's lines and keeps all other events.</summary>
internal sealed class EventLog : ILoggerProvider, ILogger
{
    private readonly List<TelemetryEvent> _events = [];

    /// <summary>All but the agent's lines.</summary>
    public IReadOnlyList<TelemetryEvent> Events => _events;

    public long Lines { get; private set; }

    public string LastLine { get; private set; } = "";

    /// <summary>Without the ends of lines.</summary>
    public long Characters { get; private set; }

    public string ContainerId =>
        _events.OfType<ContainerProvisioning>().First(provisioning => provisioning.ContainerId is not null).ContainerId!;

    /// <summary>When the first event of a kind was raised.</summary>
    public DateTimeOffset At<T>()
        where T : TelemetryEvent => _events.OfType<T>().First().Timestamp;

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

        if (raised is AgentOutput output)
        {
            Lines++;
            LastLine = output.Line;
            Characters += output.Line.Length;
        }
        else
        {
            _events.Add(raised);
        }
    }

    public void Dispose() { }
}
