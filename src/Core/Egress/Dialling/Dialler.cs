using System.Net;
using System.Net.Sockets;

namespace IsolatedAgents.Egress.Dialling;

/// <summary>A connection to a server.</summary>
/// <param name="Socket">Connected; owned by whoever gets it. One that was dialled in the loop's thread does not block.</param>
/// <param name="Address">The address that was dialled; null behind a proxy, which finds the address itself.</param>
internal sealed record Dialled(Socket Socket, IPAddress? Address);

/// <summary>Opens connections to servers that the policy allows: directly, or through the proxy that the host's environment names.</summary>
internal sealed class Dialler(HostResolver resolver, UpstreamProxies proxies, TimeSpan timeout)
{
    /// <exception cref="EgressRefusedException">The name leads to addresses that no name may lead to.</exception>
    /// <exception cref="UnreachableException">The server or the proxy could not be reached.</exception>
    public async ValueTask<Dialled> DialAsync(EgressTarget target, CancellationToken cancellationToken)
    {
        if (proxies.For(target) is { } proxy)
        {
            // The proxy finds the address, and its own rules say which ones it connects to: a private address behind an allowed name cannot be seen from here.
            return new Dialled(await proxy.ConnectAsync(target, timeout, cancellationToken).ConfigureAwait(false), null);
        }

        IPAddress[] addresses = await resolver.ResolveAsync(target).ConfigureAwait(false);
        Socket socket = await HappyEyeballs.ConnectAsync(addresses, target.Port, timeout, cancellationToken).ConfigureAwait(false);
        return new Dialled(socket, (socket.RemoteEndPoint as IPEndPoint)?.Address);
    }
}
