namespace IsolatedAgents.Workspaces;

/// <summary>A file on its way into an archive: it is read from its start to its end, and nothing else.</summary>
internal abstract class ArchivedStream : Stream
{
    public override bool CanRead => true;

    // The archive's writer asks for this before it asks for the length, which is all that it needs.
    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public abstract override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
