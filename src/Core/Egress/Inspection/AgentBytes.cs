using System.Net.Sockets;
using IsolatedAgents.Egress.Relaying;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>The agent's end below its TLS: what was read to see whether it is TLS comes first, and what passes is counted.</summary>
internal sealed class AgentBytes(EgressConnection connection, BufferedReader first) : Stream
{
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Completes when the agent takes nothing any more.</summary>
    public Task Gone => _gone.Task;

    /// <summary>The limit that was passed; null where none was.</summary>
    public EgressRefusedException? Refusal { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read;
        if (first.Available.Length > 0)
        {
            // A read of nothing asks whether there is something, and there is.
            read = Math.Min(buffer.Length, first.Available.Length);
            first.Available[..read].CopyTo(buffer);
            first.Consume(read);
            first.Release();
        }
        else
        {
            read = await connection.Agent.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        }

        try
        {
            connection.CountSent(read);
        }
        catch (EgressRefusedException refusal)
        {
            Refusal = refusal;
            connection.Abort();
            throw new IOException(refusal.Message, refusal);
        }

        return read;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        connection.CountReceived(buffer.Length);
        try
        {
            await connection.Agent.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or IOException or ObjectDisposedException)
        {
            // The HTTP server takes no notice, and would go on with answers for nobody.
            _gone.TrySetResult();
            throw;
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() { }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
