using System.Net.Sockets;
using IsolatedAgents.Egress.Http;
using IsolatedAgents.Egress.Inspection.Requests;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>
/// One request over HTTP/1.1 and its answer. The answer is read while the request is sent: a server that refuses a body need not take it, and what it says is heard even where it has closed the
/// connection meanwhile.
/// </summary>
/// <param name="connection">Used by nobody else until the answer has ended.</param>
/// <param name="keep">Takes the connection back where another exchange may follow.</param>
internal sealed class Http1Exchange(Http1Connection connection, Action keep)
{
    // A server that has closed the connection has said before what it had to say.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource _mayContinue = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private RequestBody? _body;
    private bool _isWriteBroken;

    /// <summary>Whether the server has said nothing, and nothing of a body that cannot be sent again has gone out.</summary>
    public bool IsUnheard { get; private set; } = true;

    /// <summary>Sends the request, and gives the answer once its head is there.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, OpenExchanges.Exchange exchange, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static state => ((Http1Connection)state!).Stream.Abort(), connection);
        _body = request.Content as RequestBody;
        await connection.Stream.WriteAsync(Http1RequestHead.Bytes(request, _body), CancellationToken.None).ConfigureAwait(false);
        exchange.SentHead();
        Task<bool> sending = _body is null ? Task.FromResult(true) : SendBodyAsync(_body, request.Headers.ExpectContinue == true, cancellationToken);
        Task<(ResponseHead Head, byte[] Bytes)> reading = ReadHeadAsync(request.Method.Method);
        try
        {
            if (await Task.WhenAny(sending, reading).ConfigureAwait(false) == sending && !sending.IsCompletedSuccessfully)
            {
                await HearOutAsync(sending, reading).ConfigureAwait(false);
            }

            (ResponseHead head, byte[] bytes) = await reading.ConfigureAwait(false);
            if (head.Status >= 300)
            {
                // The rest of the body is nothing that the server wants.
                _body?.Stop();
            }

            return Answer(request, head, bytes, sending);
        }
        catch (Exception exception)
        {
            connection.Stream.Abort();
            _body?.Stop();
            await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await ((Task)sending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            throw exception is SocketException or ObjectDisposedException ? new IOException(exception.Message, exception) : exception;
        }
    }

    private HttpResponseMessage Answer(HttpRequestMessage request, ResponseHead head, byte[] bytes, Task<bool> sending)
    {
        HttpResponseMessage answer = Http1AnswerHead.Read(head, bytes);
        Stream body = head.Status == 101
            ? new Http1Upgrade(connection)
            : new Http1AnswerBody(connection, head.Body, answer, () =>
            {
                bool canKeep = sending.IsCompletedSuccessfully && sending.Result && !head.IsLast && connection.Reader.Available.IsEmpty;
                if (canKeep)
                {
                    keep();
                }

                return canKeep;
            });
        answer.Content = new Http1Content(body, () =>
        {
            _body?.Stop();
            _ = sending.ContinueWith(static ended => ended.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        });
        Http1AnswerHead.Headers(answer, bytes);
        answer.RequestMessage = request;
        return answer;
    }

    /// <summary>Sending has failed: where that was the server's doing, it may have said why.</summary>
    private async Task HearOutAsync(Task sending, Task reading)
    {
        if (_isWriteBroken && await Task.WhenAny(reading, Task.Delay(LastWords)).ConfigureAwait(false) == reading && reading.IsCompletedSuccessfully)
        {
            return;
        }

        await sending.ConfigureAwait(false);
    }

    private async Task<bool> SendBodyAsync(RequestBody body, bool asksFirst, CancellationToken cancellationToken)
    {
        if (asksFirst)
        {
            await Task.WhenAny(_mayContinue.Task, Task.Delay(Http1Client.ContinueTime, cancellationToken)).ConfigureAwait(false);
            if (_mayContinue.Task.IsCanceled)
            {
                return false;
            }
        }

        bool isWhole = await body.SendAsync(
            async (piece, token) => await WriteAsync(body.Bytes is null ? Http1RequestHead.Chunk(piece.Span) : piece, token).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
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
    private async Task<(ResponseHead Head, byte[] Bytes)> ReadHeadAsync(string method)
    {
        try
        {
            while (true)
            {
                int length = await ReadHeadLengthAsync().ConfigureAwait(false);
                byte[] bytes = connection.Reader.Available[..length].ToArray();
                connection.Reader.Consume(length);
                ResponseHead head = ResponseHead.Parse(bytes, method) ?? throw new IOException("its answer is no HTTP/1.1");
                if (head.Status is >= 200 or 101)
                {
                    _mayContinue.TrySetCanceled();
                    return (head, bytes);
                }

                if (head.Status == 100)
                {
                    _mayContinue.TrySetResult();
                }
            }
        }
        catch
        {
            _mayContinue.TrySetCanceled();
            throw;
        }
    }

    private async ValueTask<int> ReadHeadLengthAsync()
    {
        while (true)
        {
            int end = connection.Reader.Available.Span.IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                return end + 4;
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
}
