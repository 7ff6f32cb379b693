using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>Opens TLS connections to inspected servers, and only to those whose certificate is good for their name.</summary>
internal sealed class TlsDialler(Dialler dialler, EgressOptions options)
{
    /// <summary>How long a handshake may take.</summary>
    private TimeSpan HandshakeTime => options.ConnectTimeout + options.ConnectTimeout;

    /// <summary>How a server's certificate is judged; null for the system's way.</summary>
    public X509ChainPolicy? ChainPolicy()
    {
        if (options.TrustedRoots is not { } roots)
        {
            return null;
        }

        X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        return policy;
    }

    public async ValueTask<Socket> DialAsync(EgressTarget target, CancellationToken cancellationToken) =>
        (await dialler.DialAsync(target, cancellationToken).ConfigureAwait(false)).Socket;

    /// <summary>Opens one connection.</summary>
    /// <param name="target">The server.</param>
    /// <param name="protocols">What is offered, best first.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    /// <returns>The connection, and whether the server chose HTTP/2.</returns>
    public async ValueTask<(Http1Connection Connection, bool IsHttp2)> OpenAsync(
        EgressTarget target,
        List<SslApplicationProtocol> protocols,
        CancellationToken cancellationToken
    )
    {
        Socket socket = await DialAsync(target, cancellationToken).ConfigureAwait(false);
        SslStream tls = new(new NetworkStream(socket, FileAccess.ReadWrite, ownsSocket: true));
        try
        {
            using CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            late.CancelAfter(HandshakeTime);
            await tls.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions
                    {
                        TargetHost = target.Host,
                        ApplicationProtocols = protocols,
                        CertificateChainPolicy = ChainPolicy(),
                    },
                    late.Token
                )
                .ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw exception is OperationCanceledException && !cancellationToken.IsCancellationRequested
                ? new UnreachableException($"The TLS handshake with {target} did not end in time")
                : exception;
        }

        return (new Http1Connection(new TlsDuplexStream(socket, tls)), tls.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2);
    }
}
