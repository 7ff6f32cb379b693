using System.Net;
using System.Security.Cryptography.X509Certificates;
using IsolatedAgents.Egress.Credentials;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress;

/// <summary>Settings of a broker beyond policy and environment.</summary>
internal sealed record EgressOptions
{
    /// <summary>
    /// How names become addresses; the system's resolver by default. Throws <see cref="System.Net.Sockets.SocketException"/> where there
    /// are none.
    /// </summary>
    public Func<string, CancellationToken, ValueTask<IPAddress[]>> Resolver { get; init; } =
        static async (host, cancellationToken) => await Dns.GetHostAddressesAsync(host, cancellationToken).ConfigureAwait(false);

    /// <summary>Authorities that upstream certificates of inspected endpoints may go back to, in place of the system's.</summary>
    public X509Certificate2Collection? TrustedRoots { get; init; }

    /// <summary>Credentials that the broker sets; null where the policy has none.</summary>
    public EgressCredentials? Credentials { get; init; }

    /// <summary>The longest wait for a connection to one address.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection may carry nothing either way.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long an agent that began a request or a TLS handshake may take to bring its head to an end.</summary>
    public TimeSpan HeadTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The loop in whose thread connections may be handed over; null where none is used.</summary>
    public ReadinessLoop? Loop { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
