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
            RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
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

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => _client.SendAsync(request, cancellationToken);

    public void Dispose() => _client.Dispose();

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        EgressTarget target = new(context.DnsEndPoint.Host.Trim('[', ']'), context.DnsEndPoint.Port);
        Dialled dialled = await _dialler.DialAsync(target, cancellationToken).ConfigureAwait(false);
        return new NetworkStream(dialled.Socket, FileAccess.ReadWrite, ownsSocket: true);
    }
}
