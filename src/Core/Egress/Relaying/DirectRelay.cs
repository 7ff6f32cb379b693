using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Egress.FirstBytes;
using IsolatedAgents.Egress.Http;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Relaying;

/// <summary>
/// Carries a connection that is not opened up: TLS whose ClientHello names the target, plain HTTP request by request, and anything else as
/// it is, but not on the ports of the web. The server is dialled while the agent's first bytes are still coming.
/// </summary>
internal sealed class DirectRelay(EgressConnection connection, Dialler dialler, IEgressSink sink, IByteGuard? guard) : IDisposable
{
    /// <summary>How long a few bytes that might become a request are held back where other protocols may be spoken.</summary>
    private static readonly TimeSpan DecisionTime = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a connection that is refused before anything was read is given to send a request that can be answered.</summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromMilliseconds(500);

    private readonly BufferedReader _agent = new(connection.Agent, Math.Max(RequestHead.MaxBytes, ClientHello.MaxBytes));
    private Task<FirstBytesKind>? _peek;
    private HttpRelay? _http;

    /// <summary>A server on these ports speaks TLS or HTTP, and a stream that is neither could hide a request from us.</summary>
    private bool IsWebPort => connection.Target.Port is 80 or 443;

    /// <summary>Serves the connection to its end.</summary>
    /// <exception cref="EgressRefusedException">Something may not go on; the agent has been told where that is possible.</exception>
    /// <exception cref="UnreachableException">The server could not be reached; the agent has been told where that is possible.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource dialling = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<Dialled>? dial = null;
        try
        {
            connection.Agent.ExpectFirstBytes();
            bool isForwarded = dialler.IsForwarded(connection.Target);
            dial = isForwarded ? null : dialler.DialAsync(connection.Target, dialling.Token).AsTask();
            _peek = PeekAsync();
            dial ??= DialAsPeekedAsync(dialling.Token);
            if (await Task.WhenAny(_peek, dial).ConfigureAwait(false) == _peek)
            {
                await _peek.ConfigureAwait(false);
            }

            Dialled dialled = await dial.ConfigureAwait(false);
            DuplexStream server = dialler.StreamOf(dialled);
            server.ExpectFirstBytes();
            connection.Attach(server);
            using BufferedReader reader = new(server, ResponseHead.MaxBytes);
            await RelayAsync(reader, dialled).ConfigureAwait(false);
        }
        catch (EgressRefusedException refusal)
        {
            // The event goes out before the answer, so that a client that reads the answer finds the event.
            refusal.IsTold = true;
            await sink.BlockedAsync(connection.Target, refusal.Message, refusal.Rule).ConfigureAwait(false);
            await AnswerAsync(() => HttpAnswer.RefuseAsync(connection.Agent, _agent, connection.Target, refusal)).ConfigureAwait(false);
            throw;
        }
        catch (UnreachableException exception)
        {
            await AnswerAsync(() => HttpAnswer.UnreachableAsync(connection.Agent, _agent, connection.Target, exception.Message))
                .ConfigureAwait(false);
            throw;
        }
        finally
        {
            await dialling.CancelAsync().ConfigureAwait(false);
            _ = dial?.ContinueWith(Forget, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            if (_peek is { IsCompletedSuccessfully: false })
            {
                connection.Agent.Abort();
                await ((Task)_peek).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    public void Dispose() => _agent.Dispose();

    /// <summary>Whatever was dialled and not taken up is closed. Closing twice does nothing.</summary>
    private void Forget(Task<Dialled> dial)
    {
        if (!dial.IsCompletedSuccessfully)
        {
            _ = dial.Exception;
        }
        else if (!connection.IsAttached)
        {
            dial.Result.Socket.Dispose();
        }
    }

    // Plain HTTP is for the proxy to forward, and what begins otherwise goes through a tunnel. At ports that are not the web's the server
    // may be the first to speak.
    private async Task<Dialled> DialAsPeekedAsync(CancellationToken cancellationToken)
    {
        await (IsWebPort ? (Task)_peek! : Task.WhenAny(_peek!, Task.Delay(DecisionTime, cancellationToken))).ConfigureAwait(false);
        return _peek!.IsCompleted && await _peek.ConfigureAwait(false) == FirstBytesKind.Http
            ? await dialler.DialForwarderAsync(connection.Target, cancellationToken).ConfigureAwait(false)
            : await dialler.DialAsync(connection.Target, cancellationToken).ConfigureAwait(false);
    }

    private async Task RelayAsync(BufferedReader server, Dialled dialled)
    {
        string? address = dialled.Address?.ToString();
        if (!_peek!.IsCompleted)
        {
            // Perhaps the server speaks first.
            await Task.WhenAny(_peek, server.BeginFill()).ConfigureAwait(false);
        }

        if (_peek.IsCompleted && await _peek.ConfigureAwait(false) == FirstBytesKind.Http)
        {
            _http = new HttpRelay(connection, _agent, server, sink, guard) { Address = address, Forwarder = dialled.Forwarder };
            await _http.RunAsync().ConfigureAwait(false);
            return;
        }

        // What the agent has said already goes out before anything is waited for.
        Task toServer = ToServerAsync(server.Stream, address);
        await Pump.BothAsync(connection, toServer, ToAgentAsync(server)).ConfigureAwait(false);
    }

    private async Task ToServerAsync(DuplexStream server, string? address)
    {
        // Where the server spoke first, the agent's first bytes are still to be judged.
        FirstBytesKind kind = await _peek!.ConfigureAwait(false);
        if (kind == FirstBytesKind.Http)
        {
            throw new EgressRefusedException("An HTTP request came after the server had spoken", EgressAllowlist.Key);
        }

        bool isTls = kind == FirstBytesKind.Tls;
        await sink.AllowedAsync(new EgressRequest(connection.Target, isTls ? EgressRequest.Tls : EgressRequest.Tcp) { Address = address })
            .ConfigureAwait(false);
        await Pump.ToServerAsync(connection, _agent, server, isTls ? null : guard, isRaw: !isTls).ConfigureAwait(false);
    }

    /// <summary>Cuts a server off whose first bytes are HTTP or TLS, when the agent's stream was taken for neither.</summary>
    private async Task ToAgentAsync(BufferedReader server)
    {
        while (server.Available.Length < 5 && await server.FillAsync().ConfigureAwait(false) > 0)
        {
            if (
                !"HTTP/"u8.StartsWith(server.Available.Span[..Math.Min(5, server.Available.Length)])
                && server.Available.Span[0] is not (0x15 or 0x16)
            )
            {
                break;
            }
        }

        ReadOnlyMemory<byte> first = server.Available;
        bool isHttp = first.Span.StartsWith("HTTP/"u8);
        bool isTls = first.Length >= 2 && first.Span[0] is 0x15 or 0x16 && first.Span[1] == 3;
        if (isHttp || isTls)
        {
            FirstBytesKind kind = await _peek!.ConfigureAwait(false);
            if (kind != FirstBytesKind.Tls)
            {
                throw new EgressRefusedException(
                    $"The server speaks {(isHttp ? "HTTP" : "TLS")}, but what was sent to it could not be read as that",
                    EgressAllowlist.Key
                );
            }
        }

        bool isTlsRelay = _peek is { IsCompletedSuccessfully: true } && await _peek.ConfigureAwait(false) == FirstBytesKind.Tls;
        await Pump.ToAgentAsync(connection, server, connection.Agent, isRaw: !isTlsRelay).ConfigureAwait(false);
    }

    /// <summary>Reads until it is clear what the agent speaks, and whether it may.</summary>
    private async Task<FirstBytesKind> PeekAsync()
    {
        while (true)
        {
            FirstBytesKind kind = FirstBytesRules.Classify(_agent.Available.Span, _agent.IsEnded);
            if (kind == FirstBytesKind.Tls && ReadHello())
            {
                connection.EndHead();
                return kind;
            }

            if (kind == FirstBytesKind.Http)
            {
                return kind;
            }

            if (kind == FirstBytesKind.Other)
            {
                return RequireRaw();
            }

            if (_agent.Available.IsEmpty)
            {
                await _agent.FillAsync().ConfigureAwait(false);
                continue;
            }

            connection.BeginHead();
            if (!IsWebPort && kind == FirstBytesKind.Undecided)
            {
                if (
                    !FirstBytesRules.IsWorthAWait(_agent.Available.Span)
                    || await Task.WhenAny(_agent.BeginFill(), Task.Delay(DecisionTime)).ConfigureAwait(false) != _agent.BeginFill()
                )
                {
                    return RequireRaw();
                }
            }

            if (await _agent.FillAsync().ConfigureAwait(false) == 0 && kind == FirstBytesKind.Tls)
            {
                throw new EgressRefusedException("The TLS ClientHello has no end", EgressAllowlist.Key);
            }
        }
    }

    private FirstBytesKind RequireRaw()
    {
        connection.EndHead();
        return IsWebPort && !(_agent.IsEnded && _agent.Available.IsEmpty)
            ? throw new EgressRefusedException("Neither TLS nor HTTP, on a port for these", EgressAllowlist.Key)
            : FirstBytesKind.Other;
    }

    /// <summary>Whether the hello is all there.</summary>
    /// <exception cref="EgressRefusedException">It names another server, or none where one was asked for.</exception>
    private bool ReadHello()
    {
        ClientHello hello = ClientHello.Read(_agent.Available.Span);
        if (hello.State == ClientHelloState.Incomplete)
        {
            return false;
        }

        RequireServerName(hello, connection.Target);
        return true;
    }

    /// <summary>
    /// A hello without a name leads to whatever a server shows to strangers, so only those that asked for an address may send one.
    /// </summary>
    private static void RequireServerName(ClientHello hello, EgressTarget target)
    {
        if (hello.State == ClientHelloState.Malformed)
        {
            throw new EgressRefusedException("The TLS ClientHello is malformed", EgressAllowlist.Key);
        }

        if (hello.ServerName is null ? !target.IsAddress : hello.ServerName != target.Host)
        {
            throw new EgressRefusedException(
                hello.ServerName is null
                    ? "The TLS ClientHello names no server"
                    : $"The TLS ClientHello names '{hello.ServerName}', but the connection was made to '{target}'",
                EgressAllowlist.Key
            );
        }
    }

    /// <summary>Answers an agent that speaks HTTP; others get a reset.</summary>
    private async Task AnswerAsync(Func<Task> answer)
    {
        if (_peek is null || _http is { CanAnswer: false })
        {
            return;
        }

        if (
            await Task.WhenAny(_peek, Task.Delay(AnswerTime)).ConfigureAwait(false) == _peek
            && _peek.IsCompletedSuccessfully
            && await _peek.ConfigureAwait(false) == FirstBytesKind.Http
        )
        {
            await answer().ConfigureAwait(false);
        }
    }
}
