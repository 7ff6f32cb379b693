using System.Collections.Immutable;
using System.Threading.Channels;
using IsolatedAgents.Telemetry;

namespace IsolatedAgents.Events;

/// <summary>
/// Takes the events of one run, removes secrets, numbers and dates them, and passes each one in order to every sink. No event is lost, no sink can break the run.
/// </summary>
internal sealed class EventStream : IAsyncDisposable
{
    /// <summary>How many events of <see cref="RaiseAsync"/> may wait.</summary>
    public const int Capacity = 4096;

    private readonly Channel<(TelemetryEvent Event, bool HoldsRoom)> _channel =
        Channel.CreateUnbounded<(TelemetryEvent Event, bool HoldsRoom)>(new UnboundedChannelOptions { SingleReader = true });

    private readonly SemaphoreSlim _room = new(Capacity, Capacity);
    private readonly Lock _stamping = new();
    private readonly ITelemetrySink?[] _sinks;
    private readonly SecretMasker _masker;
    private readonly TimeProvider _time;
    private readonly DateTimeOffset _startTime;
    private readonly long _startTimestamp;
    private readonly Queue<TelemetrySuppressed> _late = new();

    /// <summary>Sinks that failed and were given up, with the reason. To be read once the stream is complete.</summary>
    public List<string> LostSinks { get; } = [];
    private readonly Task _reading;
    private long _sequence;

    public EventStream(string sessionId, SecretMasker masker, TimeProvider time, ImmutableArray<ITelemetrySink> sinks)
    {
        SessionId = sessionId;
        _masker = masker;
        _time = time;
        _sinks = [.. sinks];
        _startTime = time.GetUtcNow();
        _startTimestamp = time.GetTimestamp();
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>The run's id, as each event carries it.</summary>
    public string SessionId { get; }

    /// <summary>Raises an event without ever waiting. For events that come in small numbers; a flood goes through <see cref="RaiseAsync"/>.</summary>
    /// <exception cref="InvalidOperationException">The stream is complete.</exception>
    public void Raise(TelemetryEvent telemetryEvent)
    {
        if (!TryEnqueue(telemetryEvent, holdsRoom: false))
        {
            throw new InvalidOperationException("The event stream is complete.");
        }
    }

    /// <summary>Raises an event as soon as the sinks keep up: what the agent causes goes through here, so that it is the agent who waits.</summary>
    /// <exception cref="InvalidOperationException">The stream is complete.</exception>
    public async ValueTask RaiseAsync(TelemetryEvent telemetryEvent, CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (!TryEnqueue(telemetryEvent, holdsRoom: true))
        {
            _room.Release();
            throw new InvalidOperationException("The event stream is complete.");
        }
    }

    /// <summary>Takes no more events, and ends when every sink has all of them. May be called again.</summary>
    public Task CompleteAsync()
    {
        _channel.Writer.TryComplete();
        return _reading;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await CompleteAsync().ConfigureAwait(false);
        _room.Dispose();
    }

    private bool TryEnqueue(TelemetryEvent telemetryEvent, bool holdsRoom)
    {
        TelemetryEvent masked = _masker.IsEmpty ? telemetryEvent : telemetryEvent.Mask(_masker);
        lock (_stamping)
        {
            Stamp(masked);
            if (_channel.Writer.TryWrite((masked, holdsRoom)))
            {
                return true;
            }

            _sequence--;
            return false;
        }
    }

    private void Stamp(TelemetryEvent telemetryEvent)
    {
        telemetryEvent.Sequence = ++_sequence;
        telemetryEvent.Timestamp = _startTime + _time.GetElapsedTime(_startTimestamp);
        telemetryEvent.SessionId = SessionId;
    }

    private async Task ReadAsync()
    {
        while (await _channel.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            while (_channel.Reader.TryRead(out (TelemetryEvent Event, bool HoldsRoom) next))
            {
                Write(next.Event);
                if (next.HoldsRoom)
                {
                    _room.Release();
                }
            }

            await FlushAsync().ConfigureAwait(false);
        }

        while (_late.TryDequeue(out TelemetrySuppressed? late))
        {
            lock (_stamping)
            {
                Stamp(late);
            }

            Write(late);
            await FlushAsync().ConfigureAwait(false);
        }
    }

    private void Write(TelemetryEvent telemetryEvent)
    {
        for (int i = 0; i < _sinks.Length; i++)
        {
            try
            {
                _sinks[i]?.Write(telemetryEvent);
            }
#pragma warning disable CA1031 // A sink is someone else's code or disk: whatever it throws, the run goes on.
            catch (Exception exception)
            {
                Disable(i, exception);
            }
#pragma warning restore CA1031
        }
    }

    private async ValueTask FlushAsync()
    {
        for (int i = 0; i < _sinks.Length; i++)
        {
            try
            {
                if (_sinks[i] is ITelemetrySink sink)
                {
                    await sink.FlushAsync().ConfigureAwait(false);
                }
            }
#pragma warning disable CA1031 // As in Write.
            catch (Exception exception)
            {
                Disable(i, exception);
            }
#pragma warning restore CA1031
        }
    }

    private void Disable(int index, Exception exception)
    {
        string name = _sinks[index]!.GetType().Name;
        _sinks[index] = null;
        var told = new TelemetrySuppressed(name, 1, exception.Message);
        LostSinks.Add($"{name}: {exception.Message}");
        if (!TryEnqueue(told, holdsRoom: false))
        {
            _late.Enqueue((TelemetrySuppressed)told.Mask(_masker));
        }
    }
}
