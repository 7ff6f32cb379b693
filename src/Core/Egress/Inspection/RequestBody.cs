using System.Buffers;
using System.Net;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Egress.Relaying;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>An agent's request body on its way to the server, as it comes and no faster than it is taken.</summary>
internal sealed class RequestBody(Stream body, long? length, IByteGuard? guard, UsageScanner? usage, OpenExchanges.Exchange exchange, Func<EgressRefusedException, ValueTask> tell) : HttpContent
{
    private const int BufferSize = 32 * 1024;

    /// <summary>Why the body was broken off; null where it was not.</summary>
    public EgressRefusedException? Refusal { get; private set; }

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            await SendAsync(stream, buffer, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            exchange.EndSending();
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override bool TryComputeLength(out long bytes)
    {
        bytes = length ?? 0;
        return length is not null;
    }

    private async Task SendAsync(Stream stream, byte[] buffer, CancellationToken cancellationToken)
    {
        while (await body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is var read and > 0)
        {
            await CheckAsync(buffer.AsMemory(0, read)).ConfigureAwait(false);
            usage?.Sent(buffer.AsSpan(0, read));
            await stream.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
            await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask CheckAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            guard?.Check(bytes.Span);
        }
        catch (EgressRefusedException refusal)
        {
            // Told here, since a server may have answered already and nobody waits for the body any more.
            Refusal = refusal;
            refusal.IsTold = true;
            await tell(refusal).ConfigureAwait(false);
            throw;
        }
    }
}
