using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using IsolatedAgents.Egress.FirstBytes;
using IsolatedAgents.Egress.Http;
using IsolatedAgents.Egress.Inspection.Requests;
using IsolatedAgents.Egress.Relaying;
using IsolatedAgents.Policies.Access;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>
/// Ends the agent's TLS and hands what is in it to Kestrel, which reads HTTP/1.1 and HTTP/2 the way the world's servers are attacked with.
/// It listens on no port: connections are given to it.
/// </summary>
internal sealed class InspectionServer : IInspector
{
    private static readonly List<SslApplicationProtocol> Protocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];

    // Told to clients in SETTINGS: so many requests of a connection run at once, no fewer than clients may take for granted (RFC 9113,
    // 6.5.2), and so much of their bodies waits here for a server.
    private const int StreamsPerConnection = 100;
    private const int StreamWindow = 64 * 1024;
    private const int ConnectionWindow = 256 * 1024;

    private readonly GivenConnections _connections = new();
    private readonly RunAuthority _authority;
    private readonly Func<EgressTarget, RequestAllowance> _allowance;
    private readonly InspectedRequests _requests;
    private readonly KestrelServer _server;
    private readonly Lazy<Task> _started;
    private readonly IEgressSink _sink;
    private readonly ConcurrentDictionary<string, InspectedConnection> _open = new(StringComparer.Ordinal);

    public InspectionServer(
        RunAuthority authority,
        InspectionParts parts,
        Func<EgressTarget, RequestAllowance> allowance,
        InspectedRequests requests
    )
    {
        _authority = authority;
        _allowance = allowance;
        _requests = requests;
        _sink = parts.Sink;
        _server = new KestrelServer(Options.Create(ServerOptions(parts.Options)), _connections, new BadRequests(TellBadRequest));
        _started = new Lazy<Task>(() => _server.StartAsync(_requests, CancellationToken.None));
    }

    public async Task ServeAsync(EgressConnection connection, CancellationToken cancellationToken)
    {
        await _started.Value.ConfigureAwait(false);
        using BufferedReader first = new(connection.Agent, RequestHead.MaxBytes);
        connection.BeginHead();
        await RequireTlsAsync(connection, first).ConfigureAwait(false);
        AgentBytes bytes = new(connection, first);
        SslStream tls = new(bytes, leaveInnerStreamOpen: true);
        await using (tls.ConfigureAwait(false))
        {
            await HandshakeAsync(connection, tls, cancellationToken).ConfigureAwait(false);
            connection.EndHead();
            InspectedConnection inspected = new(connection, tls, _allowance(connection.Target));
            using (
                CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
                    static state => ((InspectedConnection)state!).Close(),
                    inspected
                )
            )
            {
                using CancellationTokenSource ended = new();
                _open[inspected.ConnectionId] = inspected;
                await _connections.GiveAsync(inspected, cancellationToken).ConfigureAwait(false);
                Task watching = Departure.WatchAsync(inspected, bytes.Gone, ended.Token);
                await inspected.Ended.ConfigureAwait(false);
                _open.TryRemove(inspected.ConnectionId, out _);
                await inspected.Telling.ConfigureAwait(false);
                await ended.CancelAsync().ConfigureAwait(false);
                await watching.ConfigureAwait(false);
            }

            await EndAsync(connection, tls).ConfigureAwait(false);
        }

        if (bytes.Refusal is { } refusal)
        {
            throw refusal;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_started.IsValueCreated)
        {
            using CancellationTokenSource now = new(TimeSpan.FromSeconds(1));
            await _server.StopAsync(now.Token).ConfigureAwait(false);
        }

        _server.Dispose();
        _requests.Dispose();
    }

    /// <summary>The HTTP server has answered 400, or ended a stream, and nothing of it has gone on.</summary>
    private void TellBadRequest(string connectionId, string reason)
    {
        if (_open.TryGetValue(connectionId, out InspectedConnection? inspected))
        {
            inspected.Telling = TellAsync(
                inspected.Connection.Target,
                $"What was sent as HTTP is none, or can be read in more than one way: {reason}"
            );
        }
    }

    private async Task TellAsync(EgressTarget target, string reason) =>
        await _sink.BlockedAsync(target, reason, EgressAllowlist.Key).ConfigureAwait(false);

    private static KestrelServerOptions ServerOptions(EgressOptions options)
    {
        KestrelServerOptions server = new()
        {
            AddServerHeader = false,
            RequestHeaderEncodingSelector = static _ => Encoding.Latin1,
            ResponseHeaderEncodingSelector = static _ => Encoding.Latin1,
        };
        server.Limits.MaxRequestBodySize = null;
        server.Limits.MinRequestBodyDataRate = null;
        server.Limits.MinResponseDataRate = null;
        server.Limits.MaxRequestHeadersTotalSize = RequestHead.MaxBytes;
        server.Limits.MaxRequestHeaderCount = 1000;
        server.Limits.MaxRequestLineSize = 32 * 1024;
        server.Limits.RequestHeadersTimeout = options.HeadTimeout;
        server.Limits.KeepAliveTimeout = options.IdleTimeout;
        server.Limits.Http2.MaxStreamsPerConnection = StreamsPerConnection;
        server.Limits.Http2.InitialStreamWindowSize = StreamWindow;
        server.Limits.Http2.InitialConnectionWindowSize = ConnectionWindow;
        server.Listen(new IPEndPoint(IPAddress.Loopback, 1), listen => listen.Protocols = HttpProtocols.Http1AndHttp2);
        return server;
    }

    /// <summary>An inspected endpoint takes TLS and nothing else: what is not opened cannot be inspected.</summary>
    private static async Task RequireTlsAsync(EgressConnection connection, BufferedReader first)
    {
        while (FirstBytesRules.Classify(first.Available.Span, first.IsEnded) is var kind and not FirstBytesKind.Tls)
        {
            if (kind == FirstBytesKind.Undecided)
            {
                await first.FillAsync().ConfigureAwait(false);
                continue;
            }

            if (first.Available.IsEmpty)
            {
                throw new IOException("The agent closed the connection before it sent anything.");
            }

            EgressRefusedException refusal = new("Not TLS, on an inspected endpoint", "network.inspect");
            if (kind == FirstBytesKind.Http)
            {
                await HttpAnswer.RefuseAsync(connection.Agent, first, connection.Target, refusal).ConfigureAwait(false);
            }

            throw refusal;
        }
    }

    private async Task HandshakeAsync(EgressConnection connection, SslStream tls, CancellationToken cancellationToken)
    {
        EgressTarget target = connection.Target;
        EgressRefusedException? refusal = null;
        try
        {
            await tls.AuthenticateAsServerAsync(
                    (_, hello, _, _) =>
                    {
                        string name = hello.ServerName.TrimEnd('.');
                        if (name.Length == 0 ? !target.IsAddress : !name.Equals(target.Host, StringComparison.OrdinalIgnoreCase))
                        {
                            refusal = new EgressRefusedException(
                                name.Length == 0
                                    ? "The TLS ClientHello names no server"
                                    : $"The TLS ClientHello names '{name}', but the connection was made to '{target}'",
                                EgressAllowlist.Key
                            );
                            throw refusal;
                        }

                        return ValueTask.FromResult(ServerOptions(target.Host));
                    },
                    null,
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
        catch (Exception) when (refusal is not null)
        {
            throw refusal;
        }
        catch (AuthenticationException exception)
        {
            throw new IOException(
                $"The agent's TLS handshake failed, perhaps because it does not trust this run's authority: {(exception.InnerException ?? exception).Message}",
                exception
            );
        }
    }

    [SuppressMessage("Security", "CA5398", Justification = "An agent's client may be old; nothing older than TLS 1.2 is taken.")]
    private SslServerAuthenticationOptions ServerOptions(string host) =>
        new()
        {
            ServerCertificateContext = _authority.For(host),
            ApplicationProtocols = Protocols,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false,
        };

    private static async Task EndAsync(EgressConnection connection, SslStream tls)
    {
        try
        {
            await tls.ShutdownAsync().ConfigureAwait(false);
            await connection.Agent.CompleteWritesAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
            when (exception is SocketException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The agent is gone already.
        }
    }
}
