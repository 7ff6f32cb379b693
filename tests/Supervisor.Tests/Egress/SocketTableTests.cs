using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Supervisor.Egress;

namespace IsolatedAgents.Supervisor.Tests.Egress;

[TestClass]
public sealed class SocketTableTests
{
    [TestMethod]
    [DataRow("127.0.0.1", "127.0.0.1", DisplayName = "IPv4")]
    [DataRow("::1", "::1", DisplayName = "IPv6")]
    [DataRow("127.0.0.1", "::ffff:127.0.0.1", DisplayName = "IPv4 by a socket of IPv6")]
    public void IsHeld_UntilTheLastHolderIsGone(string server, string client)
    {
        IPAddress address = IPAddress.Parse(server);
        if (address.AddressFamily == AddressFamily.InterNetworkV6 && !Socket.OSSupportsIPv6)
        {
            Assert.Inconclusive("this machine has no IPv6");
        }

        using TcpListener listener = new(address, 0);
        listener.Start();
        using Socket agent = new(
            client.Contains(':', StringComparison.Ordinal) ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork,
            SocketType.Stream,
            ProtocolType.Tcp
        );
        if (agent.AddressFamily == AddressFamily.InterNetworkV6)
        {
            agent.DualMode = true;
        }

        agent.Connect(new IPEndPoint(IPAddress.Parse(client), ((IPEndPoint)listener.LocalEndpoint).Port));
        using Socket accepted = listener.AcceptSocket();
        string name = SocketTable.NameOf((int)accepted.Handle);
        Assert.IsTrue(SocketTable.IsHeld(name), name);
        agent.Shutdown(SocketShutdown.Send);
        Assert.AreEqual(0, accepted.Receive(new byte[1]));
        Assert.IsTrue(SocketTable.IsHeld(name), "who says no more still holds it");
        agent.Dispose();
        Assert.IsFalse(SocketTable.IsHeld(name));
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("0100007F:0001 0100007F:0001")]
    [DataRow("nonsense")]
    public void IsHeld_OfNoSocket_IsFalse(string name) => Assert.IsFalse(SocketTable.IsHeld(name));
}
