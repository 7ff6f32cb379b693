namespace IsolatedAgents.Workspaces;

/// <summary>
/// Reads exactly as many bytes as were announced: of a source that has grown since, no more; of one that has shrunk, zeros in place of the
/// rest.
/// </summary>
internal sealed class ExactLengthStream(Stream source, long length) : ArchivedStream
{
    private long _position;

    public override long Length => length;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        Span<byte> wanted = buffer[..(int)Math.Min(buffer.Length, length - _position)];
        return Settle(wanted, source.Read(wanted));
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Memory<byte> wanted = buffer[..(int)Math.Min(buffer.Length, length - _position)];
        int count = await source.ReadAsync(wanted, cancellationToken).ConfigureAwait(false);
        return Settle(wanted.Span, count);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            source.Dispose();
        }

        base.Dispose(disposing);
    }

    private int Settle(Span<byte> wanted, int count)
    {
        if (count == 0 && !wanted.IsEmpty)
        {
            wanted.Clear();
            count = wanted.Length;
        }

        _position += count;
        return count;
    }
}
