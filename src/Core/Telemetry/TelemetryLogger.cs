using System.Collections.Immutable;
using IsolatedAgents.Events;
using IsolatedAgents.Events.Streaming;
using IsolatedAgents.Policies;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Telemetry;

/// <summary>Writes events of one's own in the formats of this product. Safe for any number of threads.</summary>
public sealed class TelemetryLogger : IDisposable
{
    private readonly LoggerSink _sink;
    private readonly ILoggerFactory? _ownFactory;
    private readonly SteadyClock _clock;
    private readonly Lock _writing = new();
    private long _sequence;

    /// <summary>Writes to a stream, which stays open.</summary>
    /// <param name="output">Where to write.</param>
    /// <param name="enabled">Whether anything is written at all.</param>
    /// <param name="level">The lowest level that is written.</param>
    /// <param name="format">The format.</param>
    public TelemetryLogger(
        Stream output,
        bool enabled = true,
        TelemetryLevel level = TelemetryLevel.Info,
        TelemetryFormat format = TelemetryFormat.Rich
    )
        : this(
            new TelemetryOutput
            {
                Stream = output,
                Level = level,
                Format = format,
            },
            enabled
        ) { }

    /// <summary>Writes to a place that is described further.</summary>
    /// <param name="output">Where and how to write.</param>
    /// <param name="enabled">Whether anything is written at all.</param>
    public TelemetryLogger(TelemetryOutput output, bool enabled = true)
        : this(CreateFactory(output), output.Time, enabled, output.Level)
    {
        _ownFactory = Factory;
    }

    /// <summary>Writes to the providers of a factory, which stays open.</summary>
    /// <param name="loggerFactory">Where to write.</param>
    /// <param name="enabled">Whether anything is written at all.</param>
    /// <param name="level">The lowest level that is written.</param>
    public TelemetryLogger(ILoggerFactory loggerFactory, bool enabled = true, TelemetryLevel level = TelemetryLevel.Info)
        : this(loggerFactory, TimeProvider.System, enabled, level) { }

    private TelemetryLogger(ILoggerFactory loggerFactory, TimeProvider time, bool enabled, TelemetryLevel level)
    {
        ArgumentNullException.ThrowIfNull(loggerFactory);
        Factory = loggerFactory;
        _sink = new LoggerSink(loggerFactory.CreateLogger(LoggerSink.Category));
        _clock = new SteadyClock(time);
        Enabled = enabled;
        Level = level;
    }

    /// <summary>Whether anything is written at all.</summary>
    public bool Enabled { get; }

    /// <summary>The lowest level that is written.</summary>
    public TelemetryLevel Level { get; }

    /// <summary>The run that the events belong to; empty when none.</summary>
    public string SessionId { get; init; } = "";

    private ILoggerFactory Factory { get; }

    /// <summary>Something starts or stops.</summary>
    public void LogLifecycle(string lifecycleEvent, params ReadOnlySpan<(string Label, object? Value)> details) =>
        Log(CustomEvent.Lifecycle, lifecycleEvent, details);

    /// <summary>Figures.</summary>
    public void LogMetrics(params ReadOnlySpan<(string Label, object? Value)> metrics) =>
        Log(CustomEvent.Metrics, "Resource usage", metrics);

    /// <summary>Something is done with files, the network and the like.</summary>
    public void LogActivity(string activity, params ReadOnlySpan<(string Label, object? Value)> details) =>
        Log(CustomEvent.Activity, activity, details);

    /// <summary>Something needs attention.</summary>
    public void LogWarning(string message, params ReadOnlySpan<(string Label, object? Value)> details) =>
        Log(CustomEvent.Warning, message, details);

    /// <summary>Something failed.</summary>
    public void LogError(string message, params ReadOnlySpan<(string Label, object? Value)> details) =>
        Log(CustomEvent.Error, message, details);

    /// <summary>Something went well.</summary>
    public void LogSuccess(string message, params ReadOnlySpan<(string Label, object? Value)> details) =>
        Log(CustomEvent.Success, message, details);

    /// <summary>Writes what is still held back.</summary>
    public void Dispose() => _ownFactory?.Dispose();

    private static ILoggerFactory CreateFactory(TelemetryOutput output)
    {
        ArgumentNullException.ThrowIfNull(output);
        return LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddProvider(new TelemetryLoggerProvider(output)));
    }

    private void Log(EventDescriptor kind, string text, ReadOnlySpan<(string Label, object? Value)> details)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!Enabled || kind.Level < Level)
        {
            return;
        }

        var values = ImmutableArray.CreateBuilder<KeyValuePair<string, object?>>(details.Length);
        foreach ((string label, object? value) in details)
        {
            values.Add(new(label, value));
        }

        var custom = new CustomEvent(kind, text, values.ToImmutable()) { SessionId = SessionId };
        lock (_writing)
        {
            custom.Sequence = ++_sequence;
            custom.Timestamp = _clock.Now;
            _sink.Write(custom);
        }
    }
}
