using System.Net.Sockets;

namespace IsolatedAgents.Egress;

/// <summary>A connected stream socket, which it owns.</summary>
/// <remarks>Urgent bytes are told apart on sockets that keep them in line (SO_OOBINLINE).</remarks>
internal sealed class SocketDuplexStream(Socket socket) : DuplexStream
{
    private readonly byte[] _isAtMark = new byte[sizeof(int)];

    /// <summary>For those who can do without the layer.</summary>
    public Socket Socket => socket;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken);

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

        // Of no bytes: it completes when there are some. Only then does the kernel know whether the next one is urgent; a read never goes past the mark.
        await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None).ConfigureAwait(false);
        socket.IOControl(IOControlCode.OobDataRead, null, _isAtMark);
        bool isUrgent = _isAtMark.AsSpan().ContainsAnyExcept((byte)0);
        int count = await socket.ReceiveAsync(isUrgent ? buffer[..1] : buffer, SocketFlags.None).ConfigureAwait(false);
        return (count, isUrgent && count == 1);
    }

    public override async ValueTask WriteUrgentAsync(ReadOnlyMemory<byte> one) => await socket.SendAsync(one, SocketFlags.OutOfBand).ConfigureAwait(false);

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

        socket.Dispose();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            socket.Dispose();
        }

        base.Dispose(disposing);
    }
}
