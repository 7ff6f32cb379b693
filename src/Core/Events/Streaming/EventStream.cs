using System.Collections.Immutable;
using System.Threading.Channels;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events.Streaming;

/// <summary>
/// Takes the events of one run, removes secrets, numbers and dates them, and passes each one in order to every sink. No event is lost, no
/// sink can break the run.
/// </summary>
internal sealed class EventStream : IAsyncDisposable
{
    /// <summary>How many events of <see cref="RaiseAsync"/> may wait.</summary>
    public const int Capacity = 4096;

    private readonly Channel<(TelemetryEvent Event, bool HoldsRoom)> _channel = Channel.CreateUnbounded<(
        TelemetryEvent Event,
        bool HoldsRoom
    )>(new UnboundedChannelOptions { SingleReader = true });

    private readonly SemaphoreSlim _room = new(Capacity, Capacity);
    private readonly Lock _stamping = new();
    private readonly ITelemetrySink?[] _sinks;
    private readonly SecretMasker _masker;
    private readonly SteadyClock _clock;
    private readonly Queue<TelemetrySuppressed> _late = new();
    private readonly List<string> _lostSinks = [];
    private readonly CancellationTokenSource _stalled = new();
    private readonly TaskCompletionSource _givenUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _reading;
    private ITelemetrySink? _busy;
    private long _taken;
    private int _isLimited;
    private long _sequence;

    public EventStream(string sessionId, SecretMasker masker, SteadyClock clock, ImmutableArray<ITelemetrySink> sinks)
    {
        SessionId = sessionId;
        _masker = masker;
        _clock = clock;
        _sinks = [.. sinks];
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>Sinks that failed and were given up, with the reason. To be read once the stream is complete.</summary>
    public ImmutableArray<string> LostSinks
    {
        get
        {
            lock (_lostSinks)
            {
                return [.. _lostSinks];
            }
        }
    }

    /// <summary>
    /// Whether a sink has not come back and everybody has gone on without it. It may still be at its write, and no sink is to be touched
    /// any more.
    /// </summary>
    public bool IsStalled => _stalled.IsCancellationRequested;

    /// <summary>The run's id, as each event carries it.</summary>
    public string SessionId { get; }

    /// <summary>
    /// Raises an event without ever waiting. For events that come in small numbers; a flood goes through <see cref="RaiseAsync"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">The stream is complete.</exception>
    public void Raise(TelemetryEvent telemetryEvent)
    {
        if (!TryEnqueue(telemetryEvent, holdsRoom: false))
        {
            throw new InvalidOperationException("The event stream is complete.");
        }
    }

    /// <summary>
    /// Raises an event as soon as the sinks keep up: what the agent causes goes through here, so that it is the agent who waits.
    /// </summary>
    /// <exception cref="InvalidOperationException">The stream is complete.</exception>
    public async ValueTask RaiseAsync(TelemetryEvent telemetryEvent, CancellationToken cancellationToken)
    {
        if (!await HasRoomAsync(cancellationToken).ConfigureAwait(false))
        {
            return;
        }

        if (!TryEnqueue(telemetryEvent, holdsRoom: true))
        {
            _room.Release();
            throw new InvalidOperationException("The event stream is complete.");
        }
    }

    /// <summary>
    /// Takes no more events, and ends when every sink has all of them, or when the stream has stalled. May be called again.
    /// </summary>
    public Task CompleteAsync()
    {
        _channel.Writer.TryComplete();
        return Task.WhenAny(_reading, _givenUp.Task);
    }

    /// <summary>
    /// From now on a sink that does not come back from one write is waited for no longer than this: a run that is to end must not hang on a
    /// disk that stands still. Until then the agent waits for it, as for a slow one.
    /// </summary>
    public void LimitWaiting(TimeSpan patience)
    {
        if (Interlocked.Exchange(ref _isLimited, 1) == 0)
        {
            _ = WatchAsync(patience);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await CompleteAsync().ConfigureAwait(false);
        if (!IsStalled)
        {
            _room.Dispose();
            _stalled.Dispose();
        }
    }

    private async ValueTask<bool> HasRoomAsync(CancellationToken cancellationToken)
    {
        if (!cancellationToken.CanBeCanceled)
        {
            return await WaitAsync(_stalled.Token).ConfigureAwait(false);
        }

        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stalled.Token);
        return await WaitAsync(either.Token).ConfigureAwait(false);

        async ValueTask<bool> WaitAsync(CancellationToken token)
        {
            try
            {
                await _room.WaitAsync(token).ConfigureAwait(false);
                return true;
            }
            catch (OperationCanceledException) when (IsStalled)
            {
                // Nobody will ever take it, and its sink is among those that are lost.
                return false;
            }
        }
    }

    private async Task WatchAsync(TimeSpan patience)
    {
        while (!_reading.IsCompleted)
        {
            long taken = Volatile.Read(ref _taken);
            await Task.WhenAny(_reading, Task.Delay(patience)).ConfigureAwait(false);
            if (!_reading.IsCompleted && Volatile.Read(ref _busy) is { } busy && Volatile.Read(ref _taken) == taken)
            {
                Lose(busy, $"It did not take an event within {patience.TotalSeconds} seconds, and was not waited for any longer");
                await _stalled.CancelAsync().ConfigureAwait(false);
                _givenUp.TrySetResult();
                return;
            }
        }
    }

    private void Lose(ITelemetrySink sink, string reason)
    {
        lock (_lostSinks)
        {
            _lostSinks.Add($"{sink.GetType().Name}: {reason}");
        }
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
        telemetryEvent.Timestamp = _clock.Now;
        telemetryEvent.SessionId = SessionId;
    }

    private async Task ReadAsync()
    {
        while (await _channel.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            while (!IsStalled && _channel.Reader.TryRead(out (TelemetryEvent Event, bool HoldsRoom) next))
            {
                Write(next.Event);
                if (next.HoldsRoom)
                {
                    _room.Release();
                }
            }

            if (IsStalled)
            {
                return;
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
        for (int i = 0; i < _sinks.Length && !IsStalled; i++)
        {
            Volatile.Write(ref _busy, _sinks[i]);
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

            Volatile.Write(ref _busy, null);
            Volatile.Write(ref _taken, _taken + 1);
        }
    }

    private async ValueTask FlushAsync()
    {
        for (int i = 0; i < _sinks.Length && !IsStalled; i++)
        {
            Volatile.Write(ref _busy, _sinks[i]);
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

            Volatile.Write(ref _busy, null);
            Volatile.Write(ref _taken, _taken + 1);
        }
    }

    private void Disable(int index, Exception exception)
    {
        ITelemetrySink sink = _sinks[index]!;
        _sinks[index] = null;
        var told = new TelemetrySuppressed(sink.GetType().Name, 1, exception.Message);
        Lose(sink, exception.Message);
        if (!TryEnqueue(told, holdsRoom: false))
        {
            _late.Enqueue((TelemetrySuppressed)told.Mask(_masker));
        }
    }
}
