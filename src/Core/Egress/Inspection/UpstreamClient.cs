using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IsolatedAgents.Egress.Dialling;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>Talks to inspected servers: over connections that the dialler opens to the pinned address, and only where the server's certificate is good for its name.</summary>
internal sealed class UpstreamClient : IDisposable
{
    private static readonly HttpRequestOptionsKey<OpenExchanges.Exchange> OfExchange = new(nameof(OpenExchanges.Exchange));

    private readonly HttpMessageInvoker _client;
    private readonly Dialler _dialler;

    public UpstreamClient(Dialler dialler, EgressOptions options)
    {
        _dialler = dialler;
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            UseProxy = false,
            Credentials = null,
            ActivityHeadersPropagator = null,
            ConnectTimeout = options.ConnectTimeout + options.ConnectTimeout,
            EnableMultipleHttp2Connections = true,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            RequestHeaderEncodingSelector = SelectEncoding,
            ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
            ConnectCallback = ConnectAsync,
        };
        if (options.TrustedRoots is { } roots)
        {
            X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(roots);
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }

        _client = new HttpMessageInvoker(handler);
    }

    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, OpenExchanges.Exchange exchange, CancellationToken cancellationToken)
    {
        request.Options.Set(OfExchange, exchange);
        HttpResponseMessage answer = await _client.SendAsync(request, cancellationToken).ConfigureAwait(false);
        exchange.SentHead();
        return answer;
    }

    public void Dispose() => _client.Dispose();

    // Asked when a header is written to a connection: from there on the request reaches the server.
    private static Encoding SelectEncoding(string header, HttpRequestMessage request)
    {
        if (request.Options.TryGetValue(OfExchange, out OpenExchanges.Exchange? exchange))
        {
            exchange.SentHead();
        }

        return Encoding.Latin1;
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        EgressTarget target = new(context.DnsEndPoint.Host.Trim('[', ']'), context.DnsEndPoint.Port);
        Dialled dialled = await _dialler.DialAsync(target, cancellationToken).ConfigureAwait(false);
        return new NetworkStream(dialled.Socket, FileAccess.ReadWrite, ownsSocket: true);
    }
}
