using System.Net.Sockets;
using System.Threading.Channels;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Sandbox.Connections;

/// <summary>One connection of the agent whose bytes come in frames. A window in each direction bounds what is under way.</summary>
/// <param name="connection">Its number.</param>
/// <param name="send">Sends a frame to the supervisor.</param>
/// <param name="whenUnheld">Completes when no process holds the agent's end.</param>
/// <param name="all">Where it is to be forgotten.</param>
internal sealed class FramedDuplexStream(
    int connection,
    Func<FrameType, byte[], CancellationToken, Task> send,
    Func<CancellationToken, Task> whenUnheld,
    FramedConnections all
) : DuplexStream
{
    // Few large grants: each is a frame of its own.
    private const int GrantBatch = EgressWindow.Initial / 4;

    private readonly Channel<(ReadOnlyMemory<byte> Bytes, bool IsUrgent)> _received = Channel.CreateUnbounded<(
        ReadOnlyMemory<byte> Bytes,
        bool IsUrgent
    )>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _grown = new(0);
    private readonly Lock _lock = new();
    private ReadOnlyMemory<byte> _rest;
    private bool _isRestUrgent;
    private int _outstanding;
    private int _window = EgressWindow.Initial;
    private int _taken;
    private bool _isBroken;
    private bool _isClosed;

    private bool IsBroken
    {
        get
        {
            lock (_lock)
            {
                return _isBroken;
            }
        }
    }

    /// <summary>The agent has sent something.</summary>
    /// <param name="bytes">One byte where it is urgent.</param>
    /// <param name="isUrgent">Whether it was sent as urgent.</param>
    /// <exception cref="ProtocolException">More than its window.</exception>
    public void Take(ReadOnlyMemory<byte> bytes, bool isUrgent)
    {
        if (Interlocked.Add(ref _outstanding, bytes.Length) > EgressWindow.Initial)
        {
            throw new ProtocolException("A connection sent more than its window.");
        }

        _received.Writer.TryWrite((bytes, isUrgent));
    }

    /// <summary>The agent sends nothing more, or the connection is broken.</summary>
    public void EndTake(bool isReset)
    {
        if (isReset)
        {
            lock (_lock)
            {
                _isBroken = true;
            }

            _grown.Release();
        }

        _received.Writer.TryComplete(isReset ? Broken() : null);
        _ended.TrySetResult();
    }

    /// <summary>The agent has taken so many bytes.</summary>
    public void Grow(int bytes)
    {
        lock (_lock)
        {
            _window = Math.Min(_window + bytes, EgressWindow.Initial);
        }

        _grown.Release();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_rest.IsEmpty)
        {
            if (!await _received.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
            {
                return 0;
            }

            if (_received.Reader.TryRead(out (ReadOnlyMemory<byte> Bytes, bool IsUrgent) next))
            {
                (_rest, _isRestUrgent) = next;
            }
        }

        int count = Math.Min(buffer.Length, _rest.Length);
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        _taken += count;
        if (_taken >= GrantBatch || (_rest.IsEmpty && !_received.Reader.TryPeek(out _)))
        {
            int granted = _taken;
            _taken = 0;
            Interlocked.Add(ref _outstanding, -granted);
            await send(FrameType.EgressSentWindow, new EgressWindow(connection, granted).ToPayload(), cancellationToken)
                .ConfigureAwait(false);
        }

        return count;
    }

    // An urgent byte has a frame of its own, and so comes alone.
    public override async ValueTask<(int Count, bool IsUrgent)> ReadMarkedAsync(Memory<byte> buffer)
    {
        int count = await ReadAsync(buffer, CancellationToken.None).ConfigureAwait(false);
        return (count, count > 0 && _isRestUrgent);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            int count = await WriteOnceAsync(FrameType.EgressReply, buffer, cancellationToken).ConfigureAwait(false);
            buffer = buffer[count..];
        }
    }

    public override async ValueTask WriteUrgentAsync(ReadOnlyMemory<byte> one) =>
        await WriteOnceAsync(FrameType.EgressReplyUrgent, one, CancellationToken.None).ConfigureAwait(false);

    public override async Task WhenLeftAsync(CancellationToken cancellationToken)
    {
        await _ended.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (!IsBroken)
        {
            await whenUnheld(cancellationToken).ConfigureAwait(false);
        }
    }

    public override async ValueTask CompleteWritesAsync(CancellationToken cancellationToken) =>
        await send(FrameType.EgressReplyEnd, new EgressEnd(connection, IsReset: false).ToPayload(), cancellationToken)
            .ConfigureAwait(false);

    public override void Abort()
    {
        lock (_lock)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
        }

        all.Forget(connection);
        EndTake(isReset: true);
        // Whether it still reaches the supervisor, nobody here waits to know: it ends all of them when this side is gone.
        _ = send(FrameType.EgressReplyEnd, new EgressEnd(connection, IsReset: true).ToPayload(), CancellationToken.None);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            End();
        }

        base.Dispose(disposing);
    }

    // As a socket that is closed: cleanly where both sides were done, and with a reset where the agent still sends.
    private void End()
    {
        bool isDone = _received.Reader.Completion.IsCompletedSuccessfully;
        if (!isDone)
        {
            Abort();
            return;
        }

        lock (_lock)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
        }

        all.Forget(connection);
        _ = send(FrameType.EgressReplyEnd, new EgressEnd(connection, IsReset: false).ToPayload(), CancellationToken.None);
    }

    private async ValueTask<int> WriteOnceAsync(FrameType type, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        int count = await ReserveAsync(Math.Min(bytes.Length, EgressData.MaxLength), cancellationToken).ConfigureAwait(false);
        byte[] payload = GC.AllocateUninitializedArray<byte>(EgressData.HeaderLength + count);
        EgressData.WriteHeader(payload, connection);
        bytes[..count].CopyTo(payload.AsMemory(EgressData.HeaderLength));
        await send(type, payload, cancellationToken).ConfigureAwait(false);
        return count;
    }

    private async ValueTask<int> ReserveAsync(int wanted, CancellationToken cancellationToken)
    {
        while (true)
        {
            lock (_lock)
            {
                if (_isBroken)
                {
                    throw Broken();
                }

                int count = Math.Min(wanted, _window);
                if (count > 0)
                {
                    _window -= count;
                    return count;
                }
            }

            await _grown.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static IOException Broken() => new("The agent's connection was reset.", new SocketException((int)SocketError.ConnectionReset));
}
