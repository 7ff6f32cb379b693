using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>A connection whose server goes on in another protocol: what was read behind its answer comes first.</summary>
internal sealed class Http1Upgrade(Http1Connection connection) : DuplexStream
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (connection.Reader.Available.IsEmpty)
        {
            return await connection.Stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        }

        int count = Math.Min(buffer.Length, connection.Reader.Available.Length);
        connection.Reader.Available[..count].CopyTo(buffer);
        connection.Reader.Consume(count);
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        connection.Stream.WriteAsync(buffer, cancellationToken);

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken) =>
        connection.Stream.CompleteWritesAsync(cancellationToken);

    public override void Abort() => connection.Stream.Abort();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            connection.Dispose();
        }

        base.Dispose(disposing);
    }
}
