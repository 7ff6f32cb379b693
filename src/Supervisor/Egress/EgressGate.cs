using System.Collections.Frozen;
using System.Net;
using IsolatedAgents.Protocol;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// Opens the way to an allowed endpoint when it is first connected to: a listener at that very address and port, before the kernel goes on
/// with the call. Where there is none, the kernel itself refuses, so that no race can reach more than what was allowed before. The
/// observer's.
/// </summary>
/// <param name="endpoints">What the policy allows.</param>
/// <param name="names">What addresses stand for.</param>
/// <param name="nameServers">Where lookups are answered.</param>
/// <param name="carrier">Takes connections; null where nothing is allowed.</param>
internal sealed class EgressGate(EndpointMatcher endpoints, NameTable names, IPAddress[] nameServers, IConnectionCarrier? carrier)
{
    private const int MaxListeners = 512;

    private readonly FrozenSet<int> _ports = endpoints
        .Names.Values.Concat(endpoints.Domains.Values)
        .Concat(endpoints.Addresses.Values)
        .SelectMany(ports => ports)
        .Concat(endpoints.Ranges.Length > 0 ? EndpointMatcher.RangePorts.ToArray() : [])
        .ToFrozenSet();

    private readonly Dictionary<(IPAddress Address, int Port), ListeningEndpoint> _open = [];
    private readonly HashSet<int> _yieldedPorts = [];
    private readonly HashSet<(IPAddress Address, int Port)> _yielded = [];

    /// <summary>An address of those that stand for names, which stands for none.</summary>
    public IPAddress Nobodys => names.Unused;

    /// <summary>Gives the name that an address stands for, or the address itself.</summary>
    public string NameOf(IPAddress address) => names.NameOf(address) ?? HostText.Of(address);

    /// <summary>Whether an address is the agent's own loopback, also where the policy means the host's by the same address.</summary>
    public bool IsOwn(IPAddress address) =>
        (IPAddress.IsLoopback(address) && !names.Holds(address)) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    /// <summary>Whether lookups are answered there.</summary>
    public bool IsNameServer(IPAddress address, int port) => port == NameServer.Port && nameServers.Contains(address);

    /// <summary>Whether the policy allows a connection.</summary>
    /// <param name="address">No IPv6 address that maps an IPv4 one.</param>
    /// <param name="port">TCP port; 0 is that of a socket that only asks which way it would go.</param>
    public bool IsAllowed(IPAddress address, int port)
    {
        string? name = names.NameOf(address);
        if (port == 0)
        {
            return name is not null || endpoints.IsAddressListed(address);
        }

        return name is null ? endpoints.IsAddressAllowed(address, port) : endpoints.IsNameAllowed(name, port);
    }

    /// <summary>Opens the way to an endpoint that is allowed.</summary>
    /// <returns>
    /// The port to connect to, at that address: another one where the agent itself serves the endpoint's at all addresses.
    /// </returns>
    public int Open(IPAddress address, int port)
    {
        if (_open.TryGetValue((address, port), out ListeningEndpoint? open))
        {
            return open.Port;
        }

        if (port == 0 || carrier is null || _open.Count == MaxListeners)
        {
            // Beyond the bound the kernel refuses.
            return port;
        }

        int fd = IsYielded(address, port) ? -AddressInUse : EgressSocket.Bind(address, port, SocketStream);
        if (fd == -AddressInUse && !IsOwn(address))
        {
            fd = EgressSocket.Bind(address, 0, SocketStream);
        }

        if (fd < 0)
        {
            // Something of the agent's own listens there, or the address is not this sandbox's: the kernel knows.
            return port;
        }

        ListeningEndpoint endpoint = new(fd, NameOf(address), port);
        _open.Add((address, port), endpoint);
        carrier.Open(endpoint);
        return endpoint.Port;
    }

    /// <summary>Whether a server of the agent's at this address would be in the way of an endpoint, or an endpoint in its way.</summary>
    public bool Concerns(int port) => _ports.Contains(port);

    /// <summary>
    /// Leaves an address and port to a server of the agent's, for good: what listens for an endpoint there listens elsewhere from now on.
    /// </summary>
    public void Yield(IPAddress address, int port)
    {
        bool isEverywhere = address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
        bool isNew = isEverywhere ? _yieldedPorts.Add(port) : _yielded.Count < MaxListeners && _yielded.Add((address, port));
        if (!isNew)
        {
            return;
        }

        foreach (
            (var key, ListeningEndpoint endpoint) in _open
                .Where(open => open.Key.Port == port && open.Value.Port == port && (isEverywhere || open.Key.Address.Equals(address)))
                .ToArray()
        )
        {
            _open.Remove(key);
            carrier!.Close(endpoint);
        }
    }

    private bool IsYielded(IPAddress address, int port) => _yieldedPorts.Contains(port) || _yielded.Contains((address, port));
}
