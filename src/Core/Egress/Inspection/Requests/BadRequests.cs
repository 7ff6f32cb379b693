using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Egress.Inspection.Requests;

/// <summary>
/// Hears from the HTTP server, which tells its log alone, what it has refused as no HTTP before anybody of ours saw it: heads that can be
/// read in two ways, lengths that contradict each other. Streams and connections that break HTTP/2 are not among it, as clients that leave
/// end many so; nothing of them has gone on.
/// </summary>
/// <param name="tell">Takes the connection's id and what was wrong.</param>
internal sealed class BadRequests(Action<string, string> tell) : ILoggerFactory, ILogger
{
    // What these say is that the agent was slow or has left.
    private static readonly string[] NoRefusals =
    [
        "Reading the request headers timed out",
        "Unexpected end of request content",
        "Reading the request body timed out",
    ];

    private readonly ConcurrentDictionary<string, ILogger> _loggers = new(StringComparer.Ordinal);

    public ILogger CreateLogger(string categoryName) =>
        _loggers.GetOrAdd(
            categoryName,
            static (name, all) =>
                name.EndsWith(".BadRequests", StringComparison.Ordinal)
                    ? all
                    : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance,
            this
        );

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        if (
            eventId.Name == "ConnectionBadRequest"
            && exception is not null
            && !NoRefusals.Any(text => exception.Message.Contains(text, StringComparison.Ordinal))
            && state is IReadOnlyList<KeyValuePair<string, object?>> values
            && values.FirstOrDefault(value => value.Key == "ConnectionId").Value is string id
        )
        {
            tell(id, exception.Message.TrimEnd('.'));
        }
    }

    public void AddProvider(ILoggerProvider provider) { }

    public void Dispose() { }
}
