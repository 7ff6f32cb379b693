using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using IsolatedAgents.Egress.Inspection.Requests;
using IsolatedAgents.Egress.Relaying;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>
/// Carries a WebSocket between two ends, message by message: its frames are read by the framework on either side, so that what the agent
/// sends is seen without its mask, and nothing but well-formed messages passes. Each end's pings are answered here.
/// </summary>
internal static class WebSocketRelay
{
    private const int BufferSize = 32 * 1024;

    /// <summary>Carries messages both ways until both ends have closed.</summary>
    /// <param name="agent">The agent's end, behind the handshake.</param>
    /// <param name="server">The server's end, behind the handshake.</param>
    /// <param name="looks">Look at what the agent sends, and search what the server sends; each null for none.</param>
    /// <param name="exchange">Is told when the agent sends nothing more.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    /// <exception cref="EgressRefusedException">
    /// The guard found something; the agent's end was closed as against a policy, and the server's broken off.
    /// </exception>
    /// <exception cref="IOException">Either end went away without closing, or sent what is no WebSocket.</exception>
    public static async Task RunAsync(
        Stream agent,
        Stream server,
        (IByteGuard? ToServer, AnswerGuard? ToAgent) looks,
        OpenExchanges.Exchange exchange,
        CancellationToken cancellationToken
    )
    {
        // No pings of our own: who is silent for too long is to be seen as that.
        using WebSocket fromAgent = WebSocket.CreateFromStream(
            agent,
            new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = Timeout.InfiniteTimeSpan }
        );
        using WebSocket fromServer = WebSocket.CreateFromStream(
            server,
            new WebSocketCreationOptions { IsServer = false, KeepAliveInterval = Timeout.InfiniteTimeSpan }
        );
        using CancellationTokenSource broken = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task toServer = SendAsync(fromAgent, fromServer, looks.ToServer, exchange, broken.Token);
        Task toAgent = ReceiveAsync(fromServer, fromAgent, looks.ToAgent, broken.Token);
        Task first = await Task.WhenAny(toServer, toAgent).ConfigureAwait(false);
        Task second = first == toServer ? toAgent : toServer;
        try
        {
            await first.ConfigureAwait(false);
            await second.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            fromServer.Abort();
            if (exception is EgressRefusedException)
            {
                await RefuseAsync(fromAgent, cancellationToken).ConfigureAwait(false);
            }

            // The other way still uses both.
            await broken.CancelAsync().ConfigureAwait(false);
            await second.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (exception is WebSocketException or ObjectDisposedException or InvalidOperationException)
            {
                throw new IOException($"the WebSocket broke off: {exception.Message}", exception);
            }

            throw;
        }
    }

    private static async Task SendAsync(
        WebSocket agent,
        WebSocket server,
        IByteGuard? guard,
        OpenExchanges.Exchange exchange,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await CarryAsync(agent, server, guard, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            exchange.EndSending();
        }
    }

    private static async Task ReceiveAsync(WebSocket server, WebSocket agent, AnswerGuard? guard, CancellationToken cancellationToken)
    {
        if (guard is null)
        {
            await CarryAsync(server, agent, null, cancellationToken).ConfigureAwait(false);
            return;
        }

        const string Part = "WebSocket";
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        while (
            await server.ReceiveAsync(buffer.AsMemory(), cancellationToken).ConfigureAwait(false)
                is { MessageType: not WebSocketMessageType.Close } part
        )
        {
            ReadOnlyMemory<byte> searched = await guard
                .BytesAsync(buffer.AsMemory(0, part.Count), part.EndOfMessage, Part)
                .ConfigureAwait(false);
            if (!searched.IsEmpty || part.EndOfMessage)
            {
                await agent.SendAsync(searched, part.MessageType, part.EndOfMessage, cancellationToken).ConfigureAwait(false);
            }
        }

        ArrayPool<byte>.Shared.Return(buffer);
        string? reason = server.CloseStatusDescription;
        await EndAsync(
                server,
                agent,
                reason is null ? null : Cut(await guard.TextAsync(reason, Part).ConfigureAwait(false)),
                cancellationToken
            )
            .ConfigureAwait(false);
    }

    /// <summary>A reason has 123 bytes at most, and a placeholder may be longer than what it stands for.</summary>
    private static string Cut(string reason)
    {
        const int Most = 123;
        return reason.Length <= Most ? reason : reason[..Most];
    }

    private static async Task CarryAsync(WebSocket from, WebSocket to, IByteGuard? guard, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        while (true)
        {
            ValueWebSocketReceiveResult part = await from.ReceiveAsync(buffer.AsMemory(), cancellationToken).ConfigureAwait(false);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                break;
            }

            guard?.Check(buffer.AsSpan(0, part.Count));
            await to.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, cancellationToken)
                .ConfigureAwait(false);
        }

        // Not in a finally: what a failed read may still write to is left to the collector.
        ArrayPool<byte>.Shared.Return(buffer);
        string? reason = from.CloseStatusDescription;
        guard?.Check(Encoding.UTF8.GetBytes(reason ?? ""));
        await EndAsync(from, to, reason, cancellationToken).ConfigureAwait(false);
    }

    private static Task EndAsync(WebSocket from, WebSocket to, string? reason, CancellationToken cancellationToken) =>
        to.CloseOutputAsync(
            from.CloseStatus ?? WebSocketCloseStatus.Empty,
            from.CloseStatus is null or WebSocketCloseStatus.Empty ? null : reason,
            cancellationToken
        );

    private static async Task RefuseAsync(WebSocket agent, CancellationToken cancellationToken)
    {
        try
        {
            await agent
                .CloseOutputAsync(WebSocketCloseStatus.PolicyViolation, "blocked by policy", cancellationToken)
                .ConfigureAwait(false);
        }
        catch (Exception exception)
            when (exception
                    is WebSocketException
                        or IOException
                        or InvalidOperationException
                        or ObjectDisposedException
                        or OperationCanceledException
            )
        {
            // It is gone, or was sent the end of the server's already.
        }
    }
}
