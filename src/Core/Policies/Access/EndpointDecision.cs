using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Policies.Access;

/// <summary>A policy's decision about a connection to an endpoint, with the reason.</summary>
/// <param name="IsAllowed">Whether it is allowed.</param>
/// <param name="Entry">The entry of <c>network.allowed_endpoints</c> that decides; null where none does.</param>
/// <param name="Reason">How the entry holds it, or why it is denied; no full stop.</param>
internal sealed record EndpointDecision(bool IsAllowed, string? Entry, string Reason)
{
    /// <summary>
    /// The ports to be told of a host that is asked for without one: those of web servers, and all that entries name for it.
    /// </summary>
    public static ImmutableArray<int> Ports(Policy policy, string host)
    {
        EndpointMatcher all = EgressAllowlist.Of(policy);
        IEnumerable<int> named = IPAddress.TryParse(host, out IPAddress? address)
            ? all.Addresses.GetValueOrDefault(address, [])
            : all.PortsOf(host);
        return [.. named.Union([443, 80]).OrderDescending()];
    }

    /// <summary>Decides on one port.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="target">A host in its one spelling, and a port.</param>
    public static EndpointDecision Decide(Policy policy, EgressTarget target)
    {
        // The most exact entry is named, though all of them count.
        string? entry = policy
            .Network.AllowedEndpoints.Where(entry => new EndpointMatcher([entry]).IsAllowed(target.Host, target.Port))
            .OrderBy(entry => entry.Contains('/', StringComparison.Ordinal) || entry.StartsWith('*'))
            .ThenByDescending(entry => entry.Length)
            .FirstOrDefault();
        return entry is null
            ? new EndpointDecision(false, null, Denied(policy, target))
            : new EndpointDecision(true, entry, Allowed(entry));
    }

    private static string Allowed(string entry)
    {
        EndpointMatcher matcher = new([entry]);
        string kind =
            matcher.Ranges.Length > 0 ? "range"
            : matcher.Domains.Count > 0 ? "wildcard"
            : matcher.Addresses.Count > 0 ? "address"
            : "exact name";
        int[] ports =
            matcher.Ranges.Length > 0
                ? [.. EndpointMatcher.RangePorts]
                : matcher.Domains.Values.Concat(matcher.Names.Values).Concat(matcher.Addresses.Values).First();
        return ports.Length > 1 ? kind + ", default ports 443 and 80" : kind;
    }

    private static string Denied(Policy policy, EgressTarget target)
    {
        if (target.IsAddress && IPAddress.IsLoopback(IPAddress.Parse(target.Host)))
        {
            return "Not in allowed endpoints; in the sandbox this address is the agent's own loopback, which reaches nothing outside";
        }

        EndpointMatcher all = EgressAllowlist.Of(policy);
        int[] others = target.IsAddress ? all.Addresses.GetValueOrDefault(IPAddress.Parse(target.Host), []) : all.PortsOf(target.Host);
        string refused = "a run refuses it and tells it as IA3002";
        return others.Length > 0
                ? $"Allowed on {string.Join(", ", others.Order().Select(port => port.ToString(CultureInfo.InvariantCulture)))} alone; {refused}"
            : all.Domains.ContainsKey(target.Host)
                ? $"Not in allowed endpoints: '*.{target.Host}' allows names below it, not that name itself; {refused}"
            : $"Not in allowed endpoints; {refused}";
    }

    /// <summary>The condition for the addresses behind an endpoint.</summary>
    public static string Addresses(Policy policy, string host)
    {
        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            return AddressGuard.Problem(address) is { } problem
                ? $"This address is {problem}: it is reached only where an entry names it or a range that holds it"
                : "";
        }

        string[] listed =
        [
            .. policy.Network.AllowedEndpoints.Where(entry => new EndpointMatcher([entry]) is { Names.Count: 0, Domains.Count: 0 }),
        ];
        return "A name that leads to loopback, private, metadata or other special addresses is refused unless an entry names the address or a range that holds it; "
            + (listed.Length == 0 ? "no entry names any" : $"named are {string.Join(", ", listed)}");
    }
}
