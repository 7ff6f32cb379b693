using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using IsolatedAgents.Egress.Inspection.Upstream;
using IsolatedAgents.Egress.Models;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>Passes one answer of a server to the agent, as it comes: searched for credentials, and read for what a model used.</summary>
/// <param name="context">The agent's request, which is answered.</param>
/// <param name="guard">Searches; null where there is nothing to search for.</param>
/// <param name="usage">Reads; null where no model was asked.</param>
internal sealed class AnswerTransfer(IFeatureCollection context, AnswerGuard? guard, UsageScanner? usage)
{
    private const int BufferSize = 32 * 1024;

    private readonly IHttpResponseBodyFeature _body = context.GetRequiredFeature<IHttpResponseBodyFeature>();
    private bool _isChunked;
    private bool _isAtHand;
    private bool _isHeadSent;

    /// <summary>Passes it on to its end.</summary>
    /// <param name="answer">What the server says.</param>
    /// <param name="settle">Is called before the agent can see the end: it must not be able to ask again before this is counted.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    /// <exception cref="EgressRefusedException">It cannot be searched. Nothing of it was passed on.</exception>
    public async Task RunAsync(HttpResponseMessage answer, Func<ValueTask> settle, CancellationToken cancellationToken)
    {
        IHttpResponseFeature response = context.GetRequiredFeature<IHttpResponseFeature>();
        Stream from = await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        bool hasBody = HasBody(answer);
        if (guard is not null && hasBody)
        {
            from = AnswerGuard.Open(from, answer.Content.Headers.ContentEncoding);
            answer.Content.Headers.ContentEncoding.Clear();
        }

        response.StatusCode = (int)answer.StatusCode;
        response.ReasonPhrase =
            guard is null || answer.ReasonPhrase is null
                ? answer.ReasonPhrase
                : await guard.TextAsync(answer.ReasonPhrase, "status line").ConfigureAwait(false);
        if (guard is null)
        {
            HeaderTransfer.ToAgent(answer, response.Headers);
        }
        else
        {
            await HeaderTransfer.ToAgentAsync(answer, response.Headers, guard).ConfigureAwait(false);
        }

        if (guard is not null && hasBody)
        {
            // A placeholder is as long as it is, and what was compressed is longer.
            response.Headers.ContentLength = null;
        }

        // The HTTP server sends no trailers in HTTP/1.1, and lets those through who write chunks themselves.
        _isChunked =
            hasBody
            && answer.Headers.NonValidated.Contains(HeaderNames.Trailer)
            && response.Headers.ContentLength is null
            && context.GetRequiredFeature<IHttpRequestFeature>().Protocol == "HTTP/1.1";
        if (_isChunked)
        {
            response.Headers.TransferEncoding = "chunked";
        }

        usage?.Answered(answer.IsSuccessStatusCode, answer.Content.Headers.ContentType?.MediaType, name =>
            answer.Headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null
        );
        // An answer that is whole goes to the agent in one piece; of another one, the head goes before the first wait.
        _isAtHand = from is Http1AnswerBody { IsAtHand: true };
        if (!_isAtHand)
        {
            await _body.StartAsync(cancellationToken).ConfigureAwait(false);
        }

        try
        {
            await PassAsync(from, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or InvalidDataException)
        {
            // Half an answer must not look like a whole one.
            context.Get<IHttpRequestLifetimeFeature>()?.Abort();
            throw exception is InvalidDataException ? new IOException(exception.Message, exception) : exception;
        }

        IHeaderDictionary trailers = context.Get<IHttpResponseTrailersFeature>()?.Trailers ?? new HeaderDictionary();
        await HeaderTransfer.TrailersAsync(answer, trailers, guard).ConfigureAwait(false);
        await settle().ConfigureAwait(false);
        if (_isChunked)
        {
            string lines = string.Concat(trailers.SelectMany(field => field.Value.Select(value => $"{field.Key}: {value}\r\n")));
            await _body.Stream.WriteAsync(Encoding.Latin1.GetBytes($"0\r\n{lines}\r\n"), cancellationToken).ConfigureAwait(false);
        }

        await _body.CompleteAsync().ConfigureAwait(false);
    }

    private bool HasBody(HttpResponseMessage answer) =>
        context.GetRequiredFeature<IHttpRequestFeature>().Method != "HEAD"
        && (int)answer.StatusCode is not (204 or 304)
        && (
            !answer.Content.Headers.NonValidated.TryGetValues(HeaderNames.ContentLength, out HeaderStringValues length)
            || length.ToString() != "0"
        );

    private async Task PassAsync(Stream from, CancellationToken cancellationToken)
    {
        int read;
        do
        {
            if (!_isAtHand)
            {
                // Who waits for a server needs no buffer yet.
                _ = await ReadAsync(from.ReadAsync(Memory<byte>.Empty, cancellationToken), cancellationToken).ConfigureAwait(false);
            }

            byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
            read = await ReadAsync(from.ReadAsync(buffer, cancellationToken), cancellationToken).ConfigureAwait(false);
            if (read > 0)
            {
                usage?.Received(buffer.AsSpan(0, read));
                await PassAsync(buffer.AsMemory(0, read), isEnd: false, cancellationToken).ConfigureAwait(false);
            }

            // Not in a finally: what a failed read may still write to is left to the collector.
            ArrayPool<byte>.Shared.Return(buffer);
        } while (read > 0);

        if (guard is not null)
        {
            await PassAsync(ReadOnlyMemory<byte>.Empty, isEnd: true, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Waits for the server's next bytes; before the first wait the agent gets the head, which Kestrel else keeps for the body.
    /// </summary>
    private ValueTask<int> ReadAsync(ValueTask<int> reading, CancellationToken cancellationToken) =>
        reading.IsCompleted || _isHeadSent ? reading : SendHeadAndReadAsync(reading, cancellationToken);

    private async ValueTask<int> SendHeadAndReadAsync(ValueTask<int> reading, CancellationToken cancellationToken)
    {
        _isHeadSent = true;
        await _body.Stream.FlushAsync(cancellationToken).ConfigureAwait(false);
        return await reading.ConfigureAwait(false);
    }

    private async ValueTask PassAsync(ReadOnlyMemory<byte> bytes, bool isEnd, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> passed = guard is null ? bytes : await guard.BytesAsync(bytes, isEnd, "body").ConfigureAwait(false);
        if (!passed.IsEmpty)
        {
            if (_isChunked)
            {
                passed = (byte[])
                    [
                        .. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{passed.Length:x}\r\n")),
                        .. passed.Span,
                        .. "\r\n"u8,
                    ];
            }

            // The HTTP server sends what is written to it at once.
            await _body.Stream.WriteAsync(passed, cancellationToken).ConfigureAwait(false);
        }
    }
}
