using System.Net.Sockets;
using IsolatedAgents.Egress.Http;
using IsolatedAgents.Egress.Inspection.Requests;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>
/// One request over HTTP/1.1 and its answer. The answer is read while the request is sent: a server that refuses a body need not take it,
/// and what it says is heard even where it has closed the connection meanwhile.
/// </summary>
/// <param name="client">Takes the connection back where another exchange may follow.</param>
/// <param name="target">The server.</param>
/// <param name="connection">Used by nobody else until the answer has ended.</param>
internal sealed class Http1Exchange(Http1Client client, EgressTarget target, Http1Connection connection)
{
    // A server that has closed the connection has said before what it had to say.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private Task<bool> _sending = Task.FromResult(true);
    private TaskCompletionSource? _mayContinue;
    private RequestBody? _body;
    private bool _isLast;
    private bool _isWriteBroken;

    /// <summary>Whether the server has said nothing, and nothing of a body that cannot be sent again has gone out.</summary>
    public bool IsUnheard { get; private set; } = true;

    /// <summary>Sends the request, and gives the answer once its head is there.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request,
        OpenExchanges.Exchange exchange,
        CancellationToken cancellationToken
    )
    {
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static state => ((Http1Connection)state!).Stream.Abort(),
            connection
        );
        _body = request.Content as RequestBody;
        ArraySegment<byte> sent = Http1RequestHead.Rent(request, _body);
        await connection.Stream.WriteAsync(sent, CancellationToken.None).ConfigureAwait(false);

        // Not in a finally: what a failed write may still read from is left to the collector.
        Http1RequestHead.Return(sent);
        exchange.SentHead();
        Task<HttpResponseMessage>? reading = null;
        try
        {
            if (_body is null)
            {
                return await ReadHeadAsync(request).ConfigureAwait(false);
            }

            _mayContinue =
                request.Headers.ExpectContinue == true
                    ? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
                    : null;
            _sending = SendBodyAsync(_body, cancellationToken);
            reading = ReadHeadAsync(request).AsTask();
            if (await Task.WhenAny(_sending, reading).ConfigureAwait(false) == _sending && !_sending.IsCompletedSuccessfully)
            {
                await HearOutAsync(_sending, reading).ConfigureAwait(false);
            }

            HttpResponseMessage answer = await reading.ConfigureAwait(false);
            if ((int)answer.StatusCode >= 300)
            {
                // The rest of the body is nothing that the server wants.
                _body.Stop();
            }

            return answer;
        }
        catch (Exception exception)
        {
            connection.Stream.Abort();
            _body?.Stop();
            await (reading ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await ((Task)_sending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            throw exception is SocketException or ObjectDisposedException ? new IOException(exception.Message, exception) : exception;
        }
    }

    /// <summary>Gives the connection back at the end of the answer's body, where another exchange may follow.</summary>
    public bool TryKeep()
    {
        bool canKeep = _sending.IsCompletedSuccessfully && _sending.Result && !_isLast && connection.Reader.Available.IsEmpty;
        if (canKeep)
        {
            client.Keep(target, connection);
        }

        return canKeep;
    }

    /// <summary>Nobody reads the answer on.</summary>
    public void End()
    {
        if (_body is not null)
        {
            _body.Stop();
            _ = _sending.ContinueWith(
                static ended => ended.Exception,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
        }
    }

    private HttpResponseMessage Answer(HttpRequestMessage request, ResponseHead head, ReadOnlySpan<byte> bytes)
    {
        _isLast = head.IsLast;
        HttpResponseMessage answer = Http1AnswerHead.Read(head, bytes);
        Stream body = head.Status == 101 ? new Http1Upgrade(connection) : new Http1AnswerBody(this, connection, head.Body, answer);
        answer.Content = new Http1Content(this, body);
        Http1AnswerHead.Headers(answer, bytes);
        answer.RequestMessage = request;
        return answer;
    }

    /// <summary>Sending has failed: where that was the server's doing, it may have said why.</summary>
    private async Task HearOutAsync(Task sending, Task reading)
    {
        if (
            _isWriteBroken
            && await Task.WhenAny(reading, Task.Delay(LastWords)).ConfigureAwait(false) == reading
            && reading.IsCompletedSuccessfully
        )
        {
            return;
        }

        await sending.ConfigureAwait(false);
    }

    private async Task<bool> SendBodyAsync(RequestBody body, CancellationToken cancellationToken)
    {
        if (_mayContinue is { } mayContinue)
        {
            await Task.WhenAny(mayContinue.Task, Task.Delay(Http1Client.ContinueTime, cancellationToken)).ConfigureAwait(false);
            if (mayContinue.Task.IsCanceled)
            {
                return false;
            }
        }

        bool isWhole = await body.SendAsync(
                async (piece, token) =>
                    await WriteAsync(body.Bytes is null ? Http1RequestHead.Chunk(piece.Span) : piece, token).ConfigureAwait(false),
                cancellationToken
            )
            .ConfigureAwait(false);
        if (isWhole && body.Bytes is null)
        {
            await WriteAsync(await body.LastChunkAsync().ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        }

        return isWhole;
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        IsUnheard = false;
        try
        {
            await connection.Stream.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            _isWriteBroken = true;
            throw;
        }
    }

    /// <summary>Waits for the head of the answer, past those that only say how far the server is.</summary>
    private async ValueTask<HttpResponseMessage> ReadHeadAsync(HttpRequestMessage request)
    {
        try
        {
            while (true)
            {
                int end = connection.Reader.Available.Span.IndexOf("\r\n\r\n"u8);
                if (end >= 0)
                {
                    if (TakeHead(request, end + 4) is { } answer)
                    {
                        return answer;
                    }

                    continue;
                }

                if (connection.Reader.Available.Length >= ResponseHead.MaxBytes)
                {
                    throw new IOException("the head of its answer is too long");
                }

                await connection.WaitAsync().ConfigureAwait(false);
                if (await connection.Reader.FillAsync().ConfigureAwait(false) == 0)
                {
                    throw new IOException("it closed the connection before it had answered");
                }

                IsUnheard = false;
            }
        }
        finally
        {
            // Where it may not go on by now, it may not at all.
            _mayContinue?.TrySetCanceled();
        }
    }

    /// <summary>Null where the head is not the answer's own.</summary>
    private HttpResponseMessage? TakeHead(HttpRequestMessage request, int length)
    {
        ReadOnlySpan<byte> bytes = connection.Reader.Available.Span[..length];
        ResponseHead head = ResponseHead.Parse(bytes, request.Method.Method) ?? throw new IOException("its answer is no HTTP/1.1");
        HttpResponseMessage? answer = head.Status is >= 200 or 101 ? Answer(request, head, bytes) : null;
        connection.Reader.Consume(length);
        if (head.Status == 100)
        {
            _mayContinue?.TrySetResult();
        }

        return answer;
    }
}
