using System.Net;
using IsolatedAgents.Protocol;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// Opens the way to an allowed endpoint when it is first connected to: a listener at that very address and port, before the kernel goes on with the call. Where there is none,
/// the kernel itself refuses, so that no race can reach more than what was allowed before. The observer's.
/// </summary>
internal sealed class EgressGate(EndpointMatcher endpoints, NameTable names, IPAddress[] nameServers, EgressLoop loop, IConnectionCarrier carrier)
{
    private const int MaxListeners = 512;
    private const int MaxAccepted = 64;

    private readonly HashSet<(IPAddress Address, int Port)> _open = [];

    /// <summary>What an address is called: the name that it stands for, or itself.</summary>
    public string NameOf(IPAddress address) => names.NameOf(address) ?? HostText.Of(address);

    /// <summary>Lets a connection to an address pass, or does not.</summary>
    /// <param name="address">No IPv6 address that maps an IPv4 one.</param>
    /// <param name="port">TCP port; 0 is that of a socket that only asks which way it would go.</param>
    /// <returns>False where nothing allows it.</returns>
    public bool TryOpen(IPAddress address, int port)
    {
        string? name = names.NameOf(address);
        if (port == 0)
        {
            return name is not null || endpoints.IsAddressListed(address);
        }

        if (port == NameServer.Port && nameServers.Contains(address))
        {
            return true;
        }

        if (name is null ? !endpoints.IsAddressAllowed(address, port) : !endpoints.IsNameAllowed(name, port))
        {
            return false;
        }

        if (_open.Contains((address, port)) || _open.Count == MaxListeners)
        {
            // Beyond the bound the kernel refuses.
            return true;
        }

        int fd = EgressSocket.Bind(address, port, SocketStream);
        if (fd >= 0)
        {
            _open.Add((address, port));
            loop.Add(new Listener(fd, name ?? HostText.Of(address), port, carrier), EpollIn);
        }

        // Something of the agent's own listens there, or the address is not this sandbox's: the kernel knows.
        return true;
    }

    private sealed class Listener(int fd, string host, int port, IConnectionCarrier carrier) : EgressSource(fd)
    {
        public override void OnReady(uint events)
        {
            // So many at once, so that a flood to one endpoint leaves the others their turn.
            int connection;
            for (int i = 0; i < MaxAccepted && (connection = EgressSocket.Accept(Fd)) >= 0; i++)
            {
                carrier.Carry(connection, host, port);
            }
        }
    }
}
