using System.Net;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Reporting;
using IsolatedAgents.Supervisor.Setup;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// The sandbox's way out: addresses, names, and the connections that are brought to the host. Set up before the agent starts, in a thread
/// of its own from then on.
/// </summary>
internal static class EgressService
{
    /// <summary>
    /// Sets it up, and gives up the right to change it. Where nothing is allowed, lookups are answered all the same: what the agent wanted
    /// is told by its name.
    /// </summary>
    /// <returns>What the observer asks about connections.</returns>
    /// <exception cref="SetupException">It cannot be set up.</exception>
    public static EgressGate Start(
        string[] allowed,
        Func<EgressLoop, IConnectionCarrier?> createCarrier,
        ActivityReport report,
        (int UserId, int GroupId) agent
    )
    {
        EndpointMatcher endpoints = new(allowed);
        EgressLoop loop = new();
        IConnectionCarrier? carrier = createCarrier(loop);
        ResolverSettings resolver = ResolverSettings.Read();
        bool mayAdd = LoopbackInterface.TryAdd(endpoints);
        IPAddress[] nameServers = [.. resolver.NameServers.Where(TryOwn)];
        Capabilities.Drop(CapabilityNetworkAdministration);
        if (!mayAdd)
        {
            RequireNamesAlone(endpoints);
            RequireServer(resolver, nameServers);
        }

        NameTable names = new(mayAdd ? NameTable.Range : NameTable.LoopbackRange);
        NameServer server = new(loop, new NameAuthority(endpoints, names, report, resolver.SearchDomains));
        server.Listen(IPAddress.Loopback);
        foreach (IPAddress address in nameServers.Where(address => !address.Equals(IPAddress.Loopback)))
        {
            server.TryListen(address);
        }

        Thread thread = new(() => Run(loop, report, agent)) { IsBackground = true, Name = "egress" };
        thread.Start();
        return new EgressGate(endpoints, names, nameServers, carrier);
    }

    // A server that the image names by an address that this sandbox cannot have is one that its programs do not reach; they have others, or
    // fail.
    private static bool TryOwn(IPAddress address)
    {
        try
        {
            return IPAddress.IsLoopback(address) || LoopbackInterface.TryAdd(address);
        }
        catch (SetupException)
        {
            return false;
        }
    }

    // Names get addresses that every machine has; an address of the policy's cannot be replaced by another.
    private static void RequireNamesAlone(EndpointMatcher endpoints)
    {
        string? literal = endpoints
            .Addresses.Keys.FirstOrDefault(address => !IPAddress.IsLoopback(address) || NameTable.LoopbackRange.Contains(address))
            ?.ToString()
            ?? (endpoints.Ranges.Length > 0 ? endpoints.Ranges[0].ToString() : null);
        if (literal is not null)
        {
            throw new SetupException(
                SetupFailureKind.Isolation,
                "egress addresses",
                $"{literal} cannot be given to the loopback interface, since the engine refuses the capability NET_ADMIN; allow it there, or name hosts alone in network.allowed_endpoints"
            );
        }
    }

    private static void RequireServer(ResolverSettings resolver, IPAddress[] owned)
    {
        if (resolver.Named.Length > 0 && !resolver.Named.Any(owned.Contains))
        {
            throw new SetupException(
                SetupFailureKind.Isolation,
                "name lookups",
                $"the image's resolv.conf sends them to {resolver.Named[0]}, which cannot be given to the loopback interface, since the engine refuses the capability NET_ADMIN; allow it there, or use an image that names no server"
            );
        }
    }

    private static void Run(EgressLoop loop, ActivityReport report, (int UserId, int GroupId) agent)
    {
        try
        {
            _ = LibC.setfsgid(agent.GroupId);
            _ = LibC.setfsuid(agent.UserId);
            loop.Run();
        }
        catch (Exception failure) when (failure is KernelException or IOException or InvalidOperationException or ProtocolException)
        {
            report.Fail(failure);
        }
    }
}
