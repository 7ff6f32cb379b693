using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Platform.Sockets;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Sockets;

/// <summary>A connected stream socket, which it owns.</summary>
/// <remarks>Urgent bytes are told apart on sockets that keep them in line (SO_OOBINLINE).</remarks>
/// <param name="socket">Connected.</param>
/// <param name="loop">Waits for the first bytes, and for the end; null where the system has none.</param>
/// <param name="whenUnheld">
/// Completes when no process holds the other end, which it is told by its name (<see cref="SocketName"/>); null where nobody knows.
/// </param>
internal sealed class SocketDuplexStream(Socket socket, ReadinessLoop? loop, Func<string, CancellationToken, Task>? whenUnheld = null)
    : DuplexStream
{
    // include/uapi/linux/tcp.h: TCP_INFO, whose first byte is the state; include/net/tcp_states.h: TCP_CLOSE
    private const int ProtocolLevel = 6;
    private const int ConnectionInformation = 11;
    private const byte Closed = 7;

    // As many as a request and its answer take. Whoever reads on carries more, and would keep the loop from others.
    private const int FirstReads = 8;

    private readonly byte[] _isAtMark = new byte[sizeof(int)];
    private SocketReadiness? _readiness;
    private volatile SocketReadiness? _end;
    private int _firstReads;

    public override void ExpectFirstBytes()
    {
        if (loop is not null)
        {
            socket.Blocking = false;
            _readiness = new SocketReadiness(loop, socket.SafeHandle);
            _firstReads = FirstReads;
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_firstReads > 0 && !cancellationToken.CanBeCanceled)
        {
            return ReadFirstAsync(buffer, SocketFlags.None);
        }

        return loop is { IsCurrent: true }
            ? LeaveAndReadAsync(buffer, cancellationToken)
            : socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            int sent = await socket.SendAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false);
            buffer = buffer[sent..];
        }
    }

    public override async ValueTask<(int Count, bool IsUrgent)> ReadMarkedAsync(Memory<byte> buffer)
    {
        if (!OperatingSystem.IsLinux())
        {
            // What the question means elsewhere differs.
            return (await ReadAsync(buffer, CancellationToken.None).ConfigureAwait(false), false);
        }

        // Only when there are bytes does the kernel know whether the next one is urgent; a read never goes past the mark.
        if (_firstReads > 0)
        {
            await ReadFirstAsync(_isAtMark.AsMemory(0, 1), SocketFlags.Peek).ConfigureAwait(false);
        }
        else
        {
            // Of no bytes: it completes when there are some.
            await ReadinessLoop.LeaveAsync(loop);
            await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None).ConfigureAwait(false);
        }

        socket.IOControl(IOControlCode.OobDataRead, null, _isAtMark);
        bool isUrgent = _isAtMark.AsSpan().ContainsAnyExcept((byte)0);
        int count = await socket.ReceiveAsync(isUrgent ? buffer[..1] : buffer, SocketFlags.None).ConfigureAwait(false);
        return (count, isUrgent && count == 1);
    }

    public override async ValueTask WriteUrgentAsync(ReadOnlyMemory<byte> one) =>
        await socket.SendAsync(one, SocketFlags.OutOfBand).ConfigureAwait(false);

    public override async Task WhenLeftAsync(CancellationToken cancellationToken)
    {
        if (loop is null)
        {
            await base.WhenLeftAsync(cancellationToken).ConfigureAwait(false);
            return;
        }

        string name;
        try
        {
            // Of one whose other end is gone already there is none, and nobody holds it.
            name = socket is { RemoteEndPoint: IPEndPoint other, LocalEndPoint: IPEndPoint own } ? SocketName.Of(other, own) : "";
            using SocketReadiness end = new(loop, socket.SafeHandle, Epoll.Ended);
            _end = end;
            using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
                static state => ((SocketReadiness)state!).Dispose(),
                end
            );
            await end.WaitAsync().ConfigureAwait(false);
            await ReadinessLoop.LeaveAsync(loop);
            byte[] state = new byte[1];
            socket.GetRawSocketOption(ProtocolLevel, ConnectionInformation, state);
            if (state[0] == Closed)
            {
                return;
            }
        }
        catch (Exception exception) when (exception is ObjectDisposedException or SocketException)
        {
            throw new OperationCanceledException("The connection was closed.", exception, cancellationToken);
        }

        await (whenUnheld is null ? base.WhenLeftAsync(cancellationToken) : whenUnheld(name, cancellationToken)).ConfigureAwait(false);
    }

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The other end is gone already; whoever reads will see how.
        }

        return ValueTask.CompletedTask;
    }

    public override void Abort()
    {
        try
        {
            // A lingering time of zero makes the kernel send a reset.
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Closed already.
        }

        CloseSocket();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            CloseSocket();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> ReadFirstAsync(Memory<byte> buffer, SocketFlags flags)
    {
        _firstReads--;
        while (true)
        {
            int count = socket.Receive(buffer.Span, flags, out SocketError error);
            if (error == SocketError.Success)
            {
                if (count == 0)
                {
                    // Both ends are closed and the end is told, while others wait to be set up.
                    await ReadinessLoop.LeaveAsync(loop);
                }

                return count;
            }

            if (error != SocketError.WouldBlock)
            {
                throw new SocketException((int)error);
            }

            await _readiness!.WaitAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask<int> LeaveAndReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        await ReadinessLoop.LeaveAsync(loop);
        return await socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false);
    }

    private void CloseSocket()
    {
        socket.Dispose();
        _readiness?.Dispose();
        _end?.Dispose();
    }
}
