using System.Net;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Launching;
using IsolatedAgents.Supervisor.Observation;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>The sandbox's way out: addresses, names, and the connections that are brought to the host. Set up before the agent starts, in a thread of its own from then on.</summary>
internal static class EgressService
{
    /// <summary>Sets it up, and gives up the right to change it.</summary>
    /// <returns>What the observer asks about connections.</returns>
    /// <exception cref="SetupException">It cannot be set up.</exception>
    public static EgressGate Start(string[] allowed, Func<EgressLoop, IConnectionCarrier> createCarrier, ActivityReport report, (int UserId, int GroupId) agent)
    {
        EndpointMatcher endpoints = new(allowed);
        EgressLoop loop = new();
        IConnectionCarrier carrier = createCarrier(loop);
        ResolverSettings resolver = ResolverSettings.Read();
        LoopbackInterface.Add(endpoints);
        IPAddress[] nameServers = [.. resolver.NameServers.Where(TryOwn)];
        Capabilities.Drop(CapabilityNetworkAdministration);
        NameTable names = new();
        NameServer server = new(loop, new NameAuthority(endpoints, names, report, resolver.SearchDomains));
        server.Listen(IPAddress.Loopback);
        foreach (IPAddress address in nameServers.Where(address => !address.Equals(IPAddress.Loopback)))
        {
            server.TryListen(address);
        }

        Thread thread = new(() => Run(loop, report, agent)) { IsBackground = true, Name = "egress" };
        thread.Start();
        return new EgressGate(endpoints, names, nameServers, loop, carrier);
    }

    // A server that the image names by an address that this sandbox cannot have is one that its programs do not reach; they have others, or fail.
    private static bool TryOwn(IPAddress address)
    {
        try
        {
            if (!IPAddress.IsLoopback(address))
            {
                LoopbackInterface.Add(address);
            }

            return true;
        }
        catch (SetupException)
        {
            return false;
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
