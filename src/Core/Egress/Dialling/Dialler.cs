using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Dialling;

/// <summary>A connection to a server.</summary>
/// <param name="Socket">Connected; owned by whoever gets it. One that was dialled in the loop's thread does not block.</param>
/// <param name="Address">The address that was dialled; null behind a proxy, which finds the address itself.</param>
internal sealed record Dialled(Socket Socket, IPAddress? Address)
{
    /// <summary>
    /// The proxy at the other end, which is given whole requests to forward; null where the server itself, or a tunnel to it, is there.
    /// </summary>
    public UpstreamProxy? Forwarder { get; init; }
}

/// <summary>
/// Opens connections to servers that the policy allows: directly, or through the proxy that the host's environment names.
/// </summary>
internal sealed class Dialler(HostResolver resolver, UpstreamProxies proxies, HappyEyeballs connector)
{
    /// <summary>
    /// Whether plain HTTP to a target is for a proxy to forward, so that it matters for dialling what the agent says first.
    /// </summary>
    public bool IsForwarded(EgressTarget target) => proxies.ForPlainHttp(target) is not null;

    /// <summary>The stream over a connection that was dialled here; it owns the socket.</summary>
    public DuplexStream StreamOf(Dialled dialled) => new SocketDuplexStream(dialled.Socket, connector.Loop);

    /// <summary>Connects to the proxy that forwards plain HTTP to a target.</summary>
    /// <exception cref="UnreachableException">The proxy could not be reached.</exception>
    public async ValueTask<Dialled> DialForwarderAsync(EgressTarget target, CancellationToken cancellationToken)
    {
        UpstreamProxy proxy = proxies.ForPlainHttp(target)!;
        return new Dialled(await proxy.ConnectAsync(connector, cancellationToken).ConfigureAwait(false), null) { Forwarder = proxy };
    }

    /// <summary>Connects to a server, through a tunnel of a proxy where the environment names one.</summary>
    /// <exception cref="EgressRefusedException">The name leads to addresses that no name may lead to.</exception>
    /// <exception cref="UnreachableException">The server or the proxy could not be reached.</exception>
    public async ValueTask<Dialled> DialAsync(EgressTarget target, CancellationToken cancellationToken)
    {
        if (proxies.For(target) is { } proxy)
        {
            // The proxy finds the address, and its own rules say which ones it connects to: a private address behind an allowed name cannot
            // be seen from here.
            return new Dialled(await proxy.ConnectAsync(target, connector, cancellationToken).ConfigureAwait(false), null);
        }

        IPAddress[] addresses = await resolver.ResolveAsync(target).ConfigureAwait(false);
        Socket socket = await connector.ConnectAsync(addresses, target.Port, cancellationToken).ConfigureAwait(false);
        return new Dialled(socket, (socket.RemoteEndPoint as IPEndPoint)?.Address);
    }
}
