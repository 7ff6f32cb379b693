using System.Net.Sockets;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Egress.Relaying;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Http;

/// <summary>
/// Carries plain HTTP/1.x between an agent and one server, one request after the other: each is judged before a byte of it goes on, and the
/// next is not looked at before the answer to the last has ended. So nothing can hide behind a request that two readers would end at
/// different places.
/// </summary>
internal sealed class HttpRelay(
    EgressConnection connection,
    BufferedReader agent,
    BufferedReader server,
    IEgressSink sink,
    IByteGuard? guard
)
{
    private const int ProxyAuthenticationRequired = 407;

    private static readonly TimeSpan LingerTime = TimeSpan.FromSeconds(30);

    private bool _hasAnswerBegun;
    private volatile bool _isStopped;

    /// <summary>The server's address; null where a proxy finds it.</summary>
    public string? Address { get; init; }

    /// <summary>The proxy that the requests are given to; null where they go to the server.</summary>
    public UpstreamProxy? Forwarder { get; init; }

    /// <summary>Whether the agent can still be given an answer of our own.</summary>
    public bool CanAnswer => !_hasAnswerBegun;

    /// <summary>Serves requests until either side ends.</summary>
    /// <exception cref="EgressRefusedException">A request may not go on.</exception>
    public async Task RunAsync()
    {
        while (await ReadRequestHeadAsync().ConfigureAwait(false) is { } length)
        {
            _hasAnswerBegun = false;
            RequestHead head = RequestHead.Parse(agent.Available.Span[..length], connection.Target, Forwarder?.AuthorizationLine);
            guard?.Check(head.Forwarded.Span);
            agent.Consume(length);
            connection.CountSent(head.Forwarded.Length);
            await server.Stream.WriteAsync(head.Forwarded).ConfigureAwait(false);
            (ResponseHead? answer, bool isEnd) = await ExchangeAsync(head).ConfigureAwait(false);
            if (answer is { Status: 101 })
            {
                await Pump.BothAsync(
                        connection,
                        Pump.ToServerAsync(connection, agent, server.Stream, guard),
                        Pump.ToAgentAsync(connection, server, connection.Agent)
                    )
                    .ConfigureAwait(false);
                return;
            }

            if (isEnd || head.IsLast)
            {
                await connection.Agent.CompleteWritesAsync(CancellationToken.None).ConfigureAwait(false);
                await HttpAnswer.DrainAsync(agent).ConfigureAwait(false);
                return;
            }
        }
    }

    /// <summary>Sends the body and passes the answer on, at the same time.</summary>
    /// <returns>The answer's head, null where its end is the connection's; and whether nothing may follow it.</returns>
    private async Task<(ResponseHead? Head, bool IsEnd)> ExchangeAsync(RequestHead head)
    {
        _isStopped = false;
        Task body = SendBodyAsync(head.Body);
        Task<ResponseHead?> response = RelayResponseAsync(head);
        try
        {
            if (await Task.WhenAny(body, response).ConfigureAwait(false) == body)
            {
                await body.ConfigureAwait(false);
            }

            ResponseHead? answer = await response.ConfigureAwait(false);

            // A server that refuses early wants no more of the body.
            bool isEnd = answer is null or { IsLast: true } or { Status: >= 300 } && !body.IsCompletedSuccessfully;
            if (isEnd)
            {
                await EndBodyAsync(body).ConfigureAwait(false);
            }

            await body.ConfigureAwait(isEnd ? ConfigureAwaitOptions.SuppressThrowing : ConfigureAwaitOptions.None);
            return (answer, isEnd || answer is null or { IsLast: true });
        }
        catch (Exception exception)
        {
            server.Stream.Abort();
            await ((Task)response).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (exception is not (EgressRefusedException or UnreachableException) || _hasAnswerBegun)
            {
                connection.Abort();
            }

            await body.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    /// <summary>
    /// Lets an agent that has its answer say the rest, to nobody, for a while: to close while it still sends would reset the connection,
    /// and take the answer from it.
    /// </summary>
    private async Task EndBodyAsync(Task body)
    {
        _isStopped = true;
        server.Stream.Abort();
        await connection.Agent.CompleteWritesAsync(CancellationToken.None).ConfigureAwait(false);
        if (await Task.WhenAny(body, Task.Delay(LingerTime)).ConfigureAwait(false) != body)
        {
            connection.Abort();
        }
    }

    /// <summary>Waits for a whole request head. Null where the connection ended before one began.</summary>
    private async ValueTask<int?> ReadRequestHeadAsync()
    {
        int seen = 0;
        while (true)
        {
            SkipEmptyLines();
            if (FindEnd(agent.Available.Span, ref seen) is { } length)
            {
                connection.EndHead();
                return length;
            }

            if (agent.Available.Length >= RequestHead.MaxBytes)
            {
                throw new EgressRefusedException(
                    $"The HTTP request's head is longer than {RequestHead.MaxBytes} bytes",
                    EgressAllowlist.Key
                );
            }

            if (!agent.Available.IsEmpty)
            {
                connection.BeginHead();
            }
            else if (!agent.IsEnded)
            {
                // Between requests a server may end the connection, which the agent must see before it sends the next one.
                Task<int> next = agent.BeginFill();
                if (await Task.WhenAny(next, server.BeginFill()).ConfigureAwait(false) != next)
                {
                    await EndWithServerAsync().ConfigureAwait(false);
                    return null;
                }
            }

            if (await agent.FillAsync().ConfigureAwait(false) == 0)
            {
                return agent.Available.IsEmpty
                    ? null
                    : throw new EgressRefusedException("The HTTP request's head has no end", EgressAllowlist.Key);
            }
        }
    }

    /// <summary>RFC 9112, 2.2: empty lines before a request line mean nothing, and are not passed on.</summary>
    private void SkipEmptyLines()
    {
        while (agent.Available.Span.StartsWith("\r\n"u8))
        {
            agent.Consume(2);
        }
    }

    /// <summary>The length of the head with its empty line.</summary>
    /// <exception cref="EgressRefusedException">A line ends in LF alone, which some servers take for an end and others do not.</exception>
    private static int? FindEnd(ReadOnlySpan<byte> bytes, ref int seen)
    {
        while (bytes[seen..].IndexOf((byte)'\n') is var at and >= 0)
        {
            int end = seen + at;
            if (end == 0 || bytes[end - 1] != (byte)'\r')
            {
                throw new EgressRefusedException("An HTTP line is ended by LF alone", EgressAllowlist.Key);
            }

            seen = end + 1;
            if (end >= 3 && bytes[end - 2] == (byte)'\n')
            {
                return end + 1;
            }
        }

        seen = bytes.Length;
        return null;
    }

    private async Task EndWithServerAsync()
    {
        await Pump.ToAgentAsync(connection, server, connection.Agent).ConfigureAwait(false);
        await HttpAnswer.DrainAsync(agent).ConfigureAwait(false);
    }

    private async Task SendBodyAsync(HttpFraming framing)
    {
        MessageBody body = new(framing);
        while (!body.IsDone)
        {
            if (agent.Available.IsEmpty && await agent.FillAsync().ConfigureAwait(false) == 0)
            {
                throw new IOException("The request's body has no end.");
            }

            if (!body.TryTake(agent.Available.Span, out int taken))
            {
                throw new EgressRefusedException("The HTTP request's chunks are malformed", EgressAllowlist.Key);
            }

            if (!_isStopped)
            {
                guard?.Check(agent.Available.Span[..taken]);
                connection.CountSent(taken);
                await TrySendAsync(agent.Available[..taken]).ConfigureAwait(false);
            }

            agent.Consume(taken);
        }
    }

    /// <summary>A server that takes no more may have said why: its answer decides how this ends.</summary>
    private async ValueTask TrySendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await server.Stream.WriteAsync(bytes).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or IOException or ObjectDisposedException)
        {
            _isStopped = true;
        }
    }

    private async Task<ResponseHead?> RelayResponseAsync(RequestHead request)
    {
        while (true)
        {
            int? length = await ReadResponseHeadAsync().ConfigureAwait(false);
            ResponseHead? head = length is null ? null : ResponseHead.Parse(server.Available.Span[..length.Value], request.Method);
            if (Forwarder is not null && head is { Status: ProxyAuthenticationRequired })
            {
                // The proxy's word and not the server's: it is about a password that the agent has nothing to do with.
                throw Forwarder.Refusal(ProxyAuthenticationRequired);
            }

            if (head is { Status: 101 } && !request.IsWebSocket)
            {
                throw new IOException("The server changes to a protocol that nobody asked for.");
            }

            if (head is null or { Status: >= 200 or 101 })
            {
                await sink.AllowedAsync(
                        new EgressRequest(connection.Target, EgressRequest.Http)
                        {
                            Method = request.Method,
                            Path = request.Path,
                            Status = head?.Status,
                            Address = Address,
                        }
                    )
                    .ConfigureAwait(false);
            }

            _hasAnswerBegun |= !server.Available.IsEmpty;
            if (head is null)
            {
                await Pump.ToAgentAsync(connection, server, connection.Agent).ConfigureAwait(false);
                return null;
            }

            await PassAsync(length!.Value).ConfigureAwait(false);
            if (head.Status is >= 200 or 101)
            {
                await RelayBodyAsync(head.Body).ConfigureAwait(false);
                return head;
            }
        }
    }

    /// <summary>Waits for a whole response head. Null where none comes.</summary>
    private async ValueTask<int?> ReadResponseHeadAsync()
    {
        while (true)
        {
            int end = server.Available.Span.IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                return end + 4;
            }

            if (server.Available.Length >= ResponseHead.MaxBytes || await server.FillAsync().ConfigureAwait(false) == 0)
            {
                return null;
            }
        }
    }

    private async Task RelayBodyAsync(HttpFraming framing)
    {
        if (framing.Kind == HttpFramingKind.UntilClose)
        {
            await Pump.ToAgentAsync(connection, server, connection.Agent).ConfigureAwait(false);
            return;
        }

        MessageBody body = new(framing);
        while (!body.IsDone)
        {
            if (server.Available.IsEmpty && await server.FillAsync().ConfigureAwait(false) == 0)
            {
                throw new IOException("The answer's body has no end.");
            }

            if (!body.TryTake(server.Available.Span, out int taken))
            {
                throw new IOException("The answer's chunks are malformed.");
            }

            await PassAsync(taken).ConfigureAwait(false);
        }
    }

    private async ValueTask PassAsync(int count)
    {
        connection.CountReceived(count);
        await connection.Agent.WriteAsync(server.Available[..count]).ConfigureAwait(false);
        server.Consume(count);
    }
}
