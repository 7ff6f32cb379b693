namespace IsolatedAgents.Sockets;

/// <summary>One connection, seen from one end: bytes both ways, each of which can end on its own, or both at once and unclean.</summary>
internal abstract class DuplexStream : Stream
{
    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Says that nothing more will be written (FIN). Reading goes on.</summary>
    public abstract ValueTask CompleteWritesAsync(CancellationToken cancellationToken);

    /// <summary>Ends both ways at once, so that the other end sees a reset (RST) and never a clean end.</summary>
    public abstract void Abort();

    /// <summary>
    /// Says that the next reads are to be quick, since somebody waits for the first bytes of either side. What goes on after them must not
    /// block.
    /// </summary>
    public virtual void ExpectFirstBytes() { }

    /// <summary>
    /// Reads on, and says whether what was read is a byte that the other end sent as urgent (MSG_OOB): that one comes alone. Where urgent
    /// bytes are not told apart, none is.
    /// </summary>
    public virtual async ValueTask<(int Count, bool IsUrgent)> ReadMarkedAsync(Memory<byte> buffer) =>
        (await ReadAsync(buffer, CancellationToken.None).ConfigureAwait(false), false);

    /// <summary>
    /// Completes once nobody is left at the other end: its connection is broken, or it has said that it sends nothing more, and no process
    /// holds it either, to take what comes. Where that cannot be told, it never does.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was cancelled, or this stream closed.</exception>
    public virtual Task WhenLeftAsync(CancellationToken cancellationToken) => Task.Delay(Timeout.Infinite, cancellationToken);

    /// <summary>Writes one byte as urgent, or in line where that cannot be said.</summary>
    public virtual ValueTask WriteUrgentAsync(ReadOnlyMemory<byte> one) => WriteAsync(one, CancellationToken.None);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Nothing is held back.</summary>
    public override void Flush() { }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public abstract override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    public abstract override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
