using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace IsolatedAgents.Egress.Inspection.Requests;

/// <summary>An agent's request body on its way to the server, as it comes and no faster than it is taken.</summary>
/// <param name="body">What the agent sends.</param>
/// <param name="length">Its bytes; null where the agent does not say.</param>
/// <param name="checks">Look at each piece before it goes out.</param>
/// <param name="exchange">Is told when no more of it will go.</param>
internal sealed class RequestBody(Stream body, long? length, RequestChecks checks, OpenExchanges.Exchange exchange) : HttpContent
{
    private const int BufferSize = 32 * 1024;

    // Two at a time, where the last piece is known by the one that does not follow it.
    private const int PieceSize = 16 * 1024;

    private readonly CancellationTokenSource _stop = new();
    private byte[]? _first;
    private int _firstCount;
    private byte[]? _second;
    private int _secondCount;
    private long _read;

    /// <summary>Gives the fields that the agent sent behind the body, once that has ended; null where there are none.</summary>
    public Func<IHeaderDictionary?>? Trailers { get; init; }

    /// <summary>Bytes to come; null where the agent did not say.</summary>
    public long? Bytes => length;

    /// <summary>Reads a small body that asks a model whole, so that room is found for it before anything goes out.</summary>
    /// <exception cref="EgressRefusedException">It must not go out.</exception>
    public async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        if (checks.MustReserve)
        {
            _first = ArrayPool<byte>.Shared.Rent(PieceSize);
            _second = ArrayPool<byte>.Shared.Rent(PieceSize);
            _firstCount = await ReadAsync(_first, cancellationToken).ConfigureAwait(false);
            await checks.CheckAsync(_first.AsMemory(0, _firstCount)).ConfigureAwait(false);
            _secondCount = await ReadAsync(_second, cancellationToken).ConfigureAwait(false);
            if (_secondCount == 0)
            {
                await checks.ReserveAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Sends what is left of it, piece by piece.</summary>
    /// <param name="write">Takes a piece and passes it on.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    /// <returns>False where it was stopped before its end.</returns>
    /// <exception cref="EgressRefusedException">A piece must not go out.</exception>
    public async Task<bool> SendAsync(Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        try
        {
            await (_first is null ? SendPlainAsync(write, either.Token) : SendReservedAsync(write, either.Token)).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
            when (_stop.IsCancellationRequested
                && !cancellationToken.IsCancellationRequested
                && exception is OperationCanceledException or IOException
            )
        {
            return false;
        }
        finally
        {
            exchange.EndSending();
        }
    }

    /// <summary>Ends a body whose length was not announced, and adds the trailers.</summary>
    /// <exception cref="EgressRefusedException">They must not go out.</exception>
    public async ValueTask<byte[]> LastChunkAsync()
    {
        StringBuilder last = new("0\r\n");
        foreach ((string name, StringValues values) in (IEnumerable<KeyValuePair<string, StringValues>>?)Trailers?.Invoke() ?? [])
        {
            if (HeaderTransfer.IsPassedOn(name) && !name.Equals(HeaderNames.ContentLength, StringComparison.OrdinalIgnoreCase))
            {
                last.Append(CultureInfo.InvariantCulture, $"{name}: {values}\r\n");
            }
        }

        byte[] bytes = Encoding.Latin1.GetBytes(last.Append("\r\n").ToString());
        await checks.LookAsync(bytes).ConfigureAwait(false);
        return bytes;
    }

    /// <summary>The server wants no more of it.</summary>
    public void Stop() => _stop.Cancel();

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
        SendAsync(
            async (piece, token) =>
            {
                await stream.WriteAsync(piece, token).ConfigureAwait(false);
                await stream.FlushAsync(token).ConfigureAwait(false);
            },
            cancellationToken
        );

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override bool TryComputeLength(out long bytes)
    {
        bytes = length ?? 0;
        return length is not null;
    }

    private async Task SendPlainAsync(Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        while (await ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is var read and > 0)
        {
            await checks.CheckAsync(buffer.AsMemory(0, read)).ConfigureAwait(false);
            await write(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
        }

        // Not in a finally: what a failed read may still write to is left to the collector.
        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>A model that has not seen a question whole does not answer it: so the last piece waits for room, and no other.</summary>
    private async Task SendReservedAsync(
        Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> write,
        CancellationToken cancellationToken
    )
    {
        (byte[] piece, int count, byte[] next, int nextCount) = (_first!, _firstCount, _second!, _secondCount);
        while (nextCount > 0)
        {
            await checks.CheckAsync(next.AsMemory(0, nextCount)).ConfigureAwait(false);
            await write(piece.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
            (piece, count, next) = (next, nextCount, piece);
            nextCount = await ReadAsync(next, cancellationToken).ConfigureAwait(false);
        }

        await checks.ReserveAsync(cancellationToken).ConfigureAwait(false);
        if (count > 0)
        {
            await write(piece.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
        }

        ArrayPool<byte>.Shared.Return(piece);
        ArrayPool<byte>.Shared.Return(next);
    }

    /// <summary>Reads on; 0 at the end, which is not waited for where the length says where it is.</summary>
    private async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_read == length)
        {
            return 0;
        }

        int read = await body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        _read += read;
        return read;
    }
}
