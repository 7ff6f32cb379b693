using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Egress.Inspection.Requests;
using IsolatedAgents.Policies.Access;
using Microsoft.Net.Http.Headers;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>
/// Talks to inspected servers: over connections that the dialler opens to the pinned address, and only where the server's certificate is
/// good for its name. The framework's client speaks HTTP/2, and reads answers while it sends; in HTTP/1.1 it reads none before it has sent
/// all, so that <see cref="Http1Client"/> speaks that.
/// </summary>
internal sealed class UpstreamClient : IDisposable
{
    private static readonly HttpRequestOptionsKey<OpenExchanges.Exchange> OfExchange = new(nameof(OpenExchanges.Exchange));
    private static readonly List<SslApplicationProtocol> Offered = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];

    private readonly TlsDialler _dialler;
    private readonly Http1Client _http1;
    private readonly HttpMessageInvoker _http2;
    private readonly ConcurrentDictionary<EgressTarget, Lazy<Task<bool>>> _isHttp2 = [];

    public UpstreamClient(Dialler dialler, EgressOptions options)
    {
        _dialler = new TlsDialler(dialler, options);
        _http1 = new Http1Client(_dialler, options.Time);
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            UseProxy = false,
            Credentials = null,
            ActivityHeadersPropagator = null,
            ConnectTimeout = options.ConnectTimeout + options.ConnectTimeout,
            Expect100ContinueTimeout = Http1Client.ContinueTime,
            EnableMultipleHttp2Connections = true,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            RequestHeaderEncodingSelector = SelectEncoding,
            ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
            ConnectCallback = ConnectAsync,
        };
        if (_dialler.ChainPolicy() is { } policy)
        {
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }

        _http2 = new HttpMessageInvoker(handler);
    }

    /// <summary>Sends a request, and gives the answer as soon as its head is there, whether or not all of the request was sent.</summary>
    public Task<HttpResponseMessage> SendAsync(
        EgressTarget target,
        HttpRequestMessage request,
        OpenExchanges.Exchange exchange,
        CancellationToken cancellationToken
    ) =>
        request.Version == HttpVersion.Version11 || SpeaksHttp2Async(target) is { IsCompletedSuccessfully: true, Result: false }
            ? _http1.SendAsync(target, request, exchange, cancellationToken)
            : SendAsAgreedAsync(target, request, exchange, cancellationToken);

    public void Dispose()
    {
        _http1.Dispose();
        _http2.Dispose();
    }

    private async Task<HttpResponseMessage> SendAsAgreedAsync(
        EgressTarget target,
        HttpRequestMessage request,
        OpenExchanges.Exchange exchange,
        CancellationToken cancellationToken
    )
    {
        if (!await SpeaksHttp2Async(target).WaitAsync(cancellationToken).ConfigureAwait(false))
        {
            return await _http1.SendAsync(target, request, exchange, cancellationToken).ConfigureAwait(false);
        }

        if (request.Content is RequestBody && request.Headers.NonValidated.Contains(HeaderNames.Trailer))
        {
            try
            {
                // The framework's client sends no trailers, and a server of HTTP/2 nearly always speaks HTTP/1.1 too.
                return await _http1.SendAsync(target, request, exchange, cancellationToken).ConfigureAwait(false);
            }
            catch (AuthenticationException) when (!exchange.IsSent)
            {
                // This one does not, and gets the request without them.
            }
        }

        request.Options.Set(OfExchange, exchange);
        HttpResponseMessage answer = await _http2.SendAsync(request, cancellationToken).ConfigureAwait(false);
        exchange.SentHead();
        return answer;
    }

    // Asked when a header is written to a connection: from there on the request reaches the server.
    private static Encoding SelectEncoding(string header, HttpRequestMessage request)
    {
        if (request.Options.TryGetValue(OfExchange, out OpenExchanges.Exchange? exchange))
        {
            exchange.SentHead();
        }

        return Encoding.Latin1;
    }

    /// <summary>Asked once a run and server, by the first connection; one that failed is asked again.</summary>
    private Task<bool> SpeaksHttp2Async(EgressTarget target) =>
        _isHttp2.GetOrAdd(target, static (target, client) => new Lazy<Task<bool>>(() => client.NegotiateAsync(target)), this).Value;

    private async Task<bool> NegotiateAsync(EgressTarget target)
    {
        try
        {
            (Http1Connection connection, bool isHttp2) = await _dialler
                .OpenAsync(target, Offered, CancellationToken.None)
                .ConfigureAwait(false);
            if (isHttp2)
            {
                connection.Dispose();
            }
            else
            {
                _http1.Keep(target, connection);
            }

            return isHttp2;
        }
        catch
        {
            _isHttp2.TryRemove(target, out _);
            throw;
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        EgressTarget target = new(context.DnsEndPoint.Host.Trim('[', ']'), context.DnsEndPoint.Port);
        return new NetworkStream(
            await _dialler.DialAsync(target, cancellationToken).ConfigureAwait(false),
            FileAccess.ReadWrite,
            ownsSocket: true
        );
    }
}
