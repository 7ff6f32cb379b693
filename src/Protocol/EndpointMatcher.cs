using System.Collections.Frozen;
using System.Globalization;
using System.Net;

namespace IsolatedAgents.Protocol;

/// <summary>
/// Which endpoints an agent may reach. Both sides decide by this: the supervisor where a name is looked up or an address is connected to,
/// the host before it dials. Made of a policy's endpoints in their one spelling; what is asked for must be in its one spelling too
/// (<see cref="HostText"/>). Matching allocates nothing.
/// </summary>
internal sealed class EndpointMatcher
{
    /// <summary>
    /// RFC 2544: addresses for measuring devices, which no host on the Internet has. In the sandbox they stand for names, so no entry may
    /// list them.
    /// </summary>
    public static IPNetwork NameRange { get; } = IPNetwork.Parse("198.18.0.0/15");

    /// <summary>The ports of an entry that names none.</summary>
    private static readonly int[] DefaultPorts = [443, 80];

    private readonly FrozenDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _names;
    private readonly FrozenDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _domains;
    private readonly FrozenDictionary<IPAddress, int[]> _addresses;

    /// <param name="endpoints">
    /// <c>host</c>, <c>host:port</c>, <c>*.host:port</c>, <c>1.2.3.4:port</c>, <c>[v6]:port</c> or <c>a.b.c.d/n</c>.
    /// </param>
    /// <exception cref="ProtocolException">An entry has none of these forms.</exception>
    public EndpointMatcher(IEnumerable<string> endpoints)
    {
        Dictionary<string, int[]> names = new(StringComparer.Ordinal);
        Dictionary<string, int[]> domains = new(StringComparer.Ordinal);
        Dictionary<IPAddress, int[]> addresses = [];
        List<IPNetwork> ranges = [];
        foreach (string endpoint in endpoints)
        {
            if (endpoint.Contains('/', StringComparison.Ordinal))
            {
                ranges.Add(IPNetwork.TryParse(endpoint, out IPNetwork range) ? range : throw Malformed());
                continue;
            }

            (string host, int[] ports) = Split(endpoint);
            if (IPAddress.TryParse(host, out IPAddress? address))
            {
                Add(addresses, address, ports);
            }
            else if (host.StartsWith("*.", StringComparison.Ordinal))
            {
                Add(domains, host[2..], ports);
            }
            else
            {
                Add(names, host, ports);
            }
        }

        Names = names.ToFrozenDictionary(StringComparer.Ordinal);
        Domains = domains.ToFrozenDictionary(StringComparer.Ordinal);
        _addresses = addresses.ToFrozenDictionary();
        Ranges = [.. ranges];
        _names = Names.GetAlternateLookup<ReadOnlySpan<char>>();
        _domains = Domains.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The exact names and their ports.</summary>
    public FrozenDictionary<string, int[]> Names { get; }

    /// <summary>
    /// The domains of wildcards, without <c>*.</c>, and their ports. Any name with one or more labels before the domain is allowed; the
    /// domain itself is not.
    /// </summary>
    public FrozenDictionary<string, int[]> Domains { get; }

    /// <summary>The literal addresses and their ports. No IPv6 address in it maps an IPv4 one.</summary>
    public IReadOnlyDictionary<IPAddress, int[]> Addresses => _addresses;

    /// <summary>The ranges, each on ports 443 and 80.</summary>
    public IPNetwork[] Ranges { get; }

    /// <summary>The ports of every range.</summary>
    public static ReadOnlySpan<int> RangePorts => DefaultPorts;

    /// <summary>Whether a name may be reached on <paramref name="port"/>.</summary>
    /// <param name="name">Lower-case ASCII without a trailing dot.</param>
    /// <param name="port">TCP port.</param>
    public bool IsNameAllowed(ReadOnlySpan<char> name, int port)
    {
        if (_names.TryGetValue(name, out int[]? ports) && ports.AsSpan().Contains(port))
        {
            return true;
        }

        for (ReadOnlySpan<char> domain = Parent(name); !domain.IsEmpty; domain = Parent(domain))
        {
            if (_domains.TryGetValue(domain, out ports) && ports.AsSpan().Contains(port))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a name may be reached on some port, so that it may be looked up.</summary>
    /// <param name="name">Lower-case ASCII without a trailing dot.</param>
    public bool IsNameKnown(ReadOnlySpan<char> name)
    {
        if (_names.ContainsKey(name))
        {
            return true;
        }

        for (ReadOnlySpan<char> domain = Parent(name); !domain.IsEmpty; domain = Parent(domain))
        {
            if (_domains.ContainsKey(domain))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Every port on which a name may be reached; empty where it may not be. For listeners; allocates.</summary>
    /// <param name="name">Lower-case ASCII without a trailing dot.</param>
    public int[] PortsOf(string name)
    {
        HashSet<int> ports = [.. Names.GetValueOrDefault(name, [])];
        for (ReadOnlySpan<char> domain = Parent(name); !domain.IsEmpty; domain = Parent(domain))
        {
            if (_domains.TryGetValue(domain, out int[]? more))
            {
                ports.UnionWith(more);
            }
        }

        return [.. ports];
    }

    /// <summary>
    /// Whether an address may be reached on <paramref name="port"/>. An IPv6 address that maps an IPv4 one is taken for that.
    /// </summary>
    public bool IsAddressAllowed(IPAddress address, int port)
    {
        IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return (_addresses.TryGetValue(plain, out int[]? ports) && ports.AsSpan().Contains(port))
            || (DefaultPorts.AsSpan().Contains(port) && IsInRange(plain));
    }

    /// <summary>
    /// Whether the policy lists an address, alone or in a range, on whatever port: then a name may lead to it although it is private.
    /// </summary>
    public bool IsAddressListed(IPAddress address)
    {
        IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _addresses.ContainsKey(plain) || IsInRange(plain);
    }

    /// <summary>Whether a name or a literal address may be reached on <paramref name="port"/>.</summary>
    /// <param name="host">In its one spelling; IPv6 without brackets.</param>
    /// <param name="port">TCP port.</param>
    public bool IsAllowed(string host, int port) =>
        HostText.IsAddress(host)
            ? IPAddress.TryParse(host, out IPAddress? address) && HostText.Of(address) == host && IsAddressAllowed(address, port)
            : IsNameAllowed(host, port);

    private bool IsInRange(IPAddress address)
    {
        foreach (IPNetwork range in Ranges)
        {
            if (range.BaseAddress.AddressFamily == address.AddressFamily && range.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The name without its first label; empty where it has one label alone.</summary>
    private static ReadOnlySpan<char> Parent(ReadOnlySpan<char> name)
    {
        int dot = name.IndexOf('.');
        return dot < 0 ? [] : name[(dot + 1)..];
    }

    private static (string Host, int[] Ports) Split(string endpoint)
    {
        int from = endpoint.StartsWith('[') ? endpoint.IndexOf(']', StringComparison.Ordinal) : 0;
        int colon = from < 0 ? throw Malformed() : endpoint.IndexOf(':', from);
        string host = (colon < 0 ? endpoint : endpoint[..colon]).Trim('[', ']');
        if (host.Length == 0 || (from == 0 && endpoint.LastIndexOf(':') != colon))
        {
            throw Malformed();
        }

        if (colon < 0)
        {
            return (host, DefaultPorts);
        }

        return
            int.TryParse(endpoint.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port)
            && port is > 0 and <= 65535
            ? (host, [port])
            : throw Malformed();
    }

    private static void Add<TKey>(Dictionary<TKey, int[]> entries, TKey key, int[] ports)
        where TKey : notnull => entries[key] = entries.TryGetValue(key, out int[]? known) ? [.. known.Union(ports)] : ports;

    private static ProtocolException Malformed() => new("An endpoint is not in its normal form.");
}
