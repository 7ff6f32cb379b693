using System.Text;
using IsolatedAgents.Egress.Http;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>The body of one answer, without its framing. What is closed before its end closes the connection.</summary>
/// <param name="exchange">Is asked at the end whether it takes the connection.</param>
/// <param name="connection">Where it comes from.</param>
/// <param name="framing">How its end is found.</param>
/// <param name="answer">Gets the trailers.</param>
internal sealed class Http1AnswerBody(Http1Exchange exchange, Http1Connection connection, HttpFraming framing, HttpResponseMessage answer)
    : DuplexStream
{
    private readonly ChunkedBody? _chunks = framing.Kind == HttpFramingKind.Chunked ? new ChunkedBody(keepsTrailers: true) : null;
    private long _left =
        framing.Kind == HttpFramingKind.Length ? framing.Length
        : framing.Kind == HttpFramingKind.None ? 0
        : long.MaxValue;
    private bool _isEnded;
    private bool _isKept;

    /// <summary>Whether all of it has come, so that to read it is to wait for nothing.</summary>
    public bool IsAtHand => framing.Kind == HttpFramingKind.Length && _left <= connection.Reader.Available.Length;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_isEnded)
        {
            return ValueTask.FromResult(0);
        }

        if (IsAtHand && !buffer.IsEmpty)
        {
            int count = Take(buffer.Span);
            if (_left == 0)
            {
                End();
            }

            return ValueTask.FromResult(count);
        }

        return WaitAndReadAsync(buffer, cancellationToken);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    public override void Abort() => connection.Stream.Abort();

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_isKept)
        {
            _isKept = true;
            connection.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> WaitAndReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static state => ((Http1Connection)state!).Stream.Abort(),
            connection
        );
        try
        {
            if (buffer.IsEmpty)
            {
                // Asked whether there is something, or the end.
                if (_left > 0 && _chunks?.IsDone != true)
                {
                    await connection.WaitAsync().ConfigureAwait(false);
                }

                return 0;
            }

            return await ReadOnAsync(buffer).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not IOException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new IOException(exception.Message, exception);
        }
    }

    private async ValueTask<int> ReadOnAsync(Memory<byte> buffer)
    {
        while (!_isEnded)
        {
            int count = Take(buffer.Span);
            if (_left == 0 || _chunks?.IsDone == true)
            {
                End();
            }

            if (count > 0)
            {
                return count;
            }

            if (!_isEnded && connection.Reader.Available.IsEmpty && await connection.Reader.FillAsync().ConfigureAwait(false) == 0)
            {
                _isEnded = framing.Kind == HttpFramingKind.UntilClose ? true : throw new IOException("The answer's body has no end.");
            }
        }

        return 0;
    }

    private int Take(Span<byte> buffer)
    {
        ReadOnlySpan<byte> available = connection.Reader.Available.Span;
        int taken,
            count;
        if (_chunks is null)
        {
            taken = count = (int)Math.Min(Math.Min(buffer.Length, available.Length), _left);
            available[..count].CopyTo(buffer);
            _left -= framing.Kind == HttpFramingKind.UntilClose ? 0 : count;
        }
        else if (!_chunks.TryDecode(available, buffer, out taken, out count))
        {
            throw new IOException("The answer's chunks are malformed.");
        }

        connection.Reader.Consume(taken);
        return count;
    }

    private void End()
    {
        _isEnded = true;
        ReadOnlySpan<byte> lines = _chunks is null ? [] : _chunks.Trailers;
        while (
            HeaderLines.TryTakeLine(ref lines, out ReadOnlySpan<byte> line)
            && HeaderLines.TrySplit(line, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
        )
        {
            answer.TrailingHeaders.TryAddWithoutValidation(Encoding.ASCII.GetString(name), Encoding.Latin1.GetString(value));
        }

        _isKept = exchange.TryKeep();
    }
}
