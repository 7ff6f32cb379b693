using System.Globalization;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Policies.Access;

/// <summary>The endpoint that an agent asked for.</summary>
/// <param name="Host">
/// A name in lower-case ASCII without a trailing dot, or an address in its one spelling (<see cref="HostText"/>; IPv6 without brackets).
/// </param>
/// <param name="Port">TCP port.</param>
internal sealed record EgressTarget(string Host, int Port)
{
    /// <summary>Whether it was asked for by address.</summary>
    public bool IsAddress { get; } = HostText.IsAddress(Host);

    /// <summary><c>host:port</c>, with IPv6 in brackets.</summary>
    public override string ToString() =>
        Host.Contains(':', StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $"[{Host}]:{Port}")
            : string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");
}
