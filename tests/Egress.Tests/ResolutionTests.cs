using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Egress.Tests;

/// <summary>Where names may lead, and how servers with several addresses are reached.</summary>
[TestClass]
public sealed class ResolutionTests
{
    [TestMethod]
    [TestProperty("Case", "N9")]
    [DataRow("8.8.8.8", null)]
    [DataRow("2606:4700::1111", null)]
    [DataRow("127.0.0.1", "loopback")]
    [DataRow("10.0.0.1", "private")]
    [DataRow("172.31.255.255", "private")]
    [DataRow("172.32.0.1", null)]
    [DataRow("192.168.1.1", "private")]
    [DataRow("100.64.0.1", "shared by carriers")]
    [DataRow("100.128.0.1", null)]
    [DataRow("169.254.169.254", "the cloud's metadata service")]
    [DataRow("169.254.1.1", "link-local")]
    [DataRow("168.63.129.16", "the cloud's metadata service")]
    [DataRow("0.0.0.0", "this network")]
    [DataRow("255.255.255.255", "reserved")]
    [DataRow("224.0.0.1", "multicast")]
    [DataRow("198.18.0.1", "for benchmarks")]
    [DataRow("::1", "loopback")]
    [DataRow("::", "an IPv4 address in disguise")]
    [DataRow("::127.0.0.1", "an IPv4 address in disguise")]
    [DataRow("::ffff:127.0.0.1", "loopback")]
    [DataRow("::ffff:8.8.8.8", null)]
    [DataRow("64:ff9b::7f00:1", "an IPv4 address in disguise")]
    [DataRow("2002:7f00:1::", "a 6to4 tunnel")]
    [DataRow("2001::1", "a Teredo tunnel")]
    [DataRow("fd00:ec2::254", "the cloud's metadata service")]
    [DataRow("fd12::1", "private")]
    [DataRow("fe80::1", "link-local")]
    [DataRow("ff02::1", "multicast")]
    [DataRow("4000::1", "reserved")]
    public void Address_SpecialOnes_AreKnown(string address, string? expected) =>
        Assert.AreEqual(expected, AddressGuard.Problem(IPAddress.Parse(address)));

    [TestMethod]
    public async Task Resolve_MixOfAddresses_KeepsTheGoodOnesInTurn()
    {
        HostResolver resolver = Resolver([], "8.8.8.8", "10.0.0.1", "8.8.4.4", "2606:4700::1", "::ffff:127.0.0.1");
        Assert.AreEqual(
            "8.8.8.8 2606:4700::1 8.8.4.4",
            string.Join(' ', (await resolver.ResolveAsync(new EgressTarget("a.test", 443))).Select(address => address.ToString()))
        );
    }

    [TestMethod]
    public async Task Resolve_OnlySpecialOnes_IsRefused_UnlessListed()
    {
        EgressRefusedException refused = await Assert.ThrowsExactlyAsync<EgressRefusedException>(() =>
            Resolver([], "169.254.169.254", "fd00:ec2::254").ResolveAsync(new EgressTarget("a.test", 80)).AsTask()
        );
        Assert.AreEqual(
            "'a.test' leads to 169.254.169.254, which is the cloud's metadata service; where that is meant, list the address too",
            refused.Message
        );
        Assert.HasCount(1, await Resolver(["10.0.0.0/8"], "10.0.0.1").ResolveAsync(new EgressTarget("a.test", 5000)));
    }

    [TestMethod]
    public async Task Resolve_Twice_IsPinned()
    {
        int asked = 0;
        HostResolver resolver = new(
            new EndpointMatcher(["a.test"]),
            (_, _) => ValueTask.FromResult<IPAddress[]>([++asked == 1 ? IPAddress.Parse("8.8.8.8") : IPAddress.Loopback]),
            CancellationToken.None
        );
        for (int i = 0; i < 3; i++)
        {
            Assert.AreEqual("8.8.8.8", (await resolver.ResolveAsync(new EgressTarget("a.test", 443))).Single().ToString());
        }

        Assert.AreEqual(1, asked);
    }

    [TestMethod]
    public async Task Resolve_Failure_IsAskedAgain()
    {
        int asked = 0;
        HostResolver resolver = new(
            new EndpointMatcher(["a.test"]),
            (_, _) =>
                ++asked == 1
                    ? throw new SocketException((int)SocketError.HostNotFound)
                    : ValueTask.FromResult<IPAddress[]>([IPAddress.Parse("8.8.8.8")]),
            CancellationToken.None
        );
        await Assert.ThrowsExactlyAsync<UnreachableException>(() => resolver.ResolveAsync(new EgressTarget("a.test", 443)).AsTask());
        Assert.HasCount(1, await resolver.ResolveAsync(new EgressTarget("a.test", 443)));
    }

    [TestMethod]
    public async Task Connect_FirstAddressRefuses_SecondIsTakenAtOnce()
    {
        await using TestServer server = new(TestServer.EchoAsync);
        using Socket socket = await new HappyEyeballs(TimeSpan.FromSeconds(5), null).ConnectAsync(
            [IPAddress.Parse("127.0.0.99"), IPAddress.IPv6Loopback, IPAddress.Loopback],
            server.Port,
            CancellationToken.None
        );
        Assert.AreEqual(IPAddress.Loopback, ((IPEndPoint)socket.RemoteEndPoint!).Address);
    }

    [TestMethod]
    public async Task Connect_FirstAddressIsSilent_SecondDoesNotWaitForIt()
    {
        await using TestServer server = new(TestServer.EchoAsync);

        // A listener whose queue is full answers nothing.
        using Socket silent = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.98"), server.Port));
        silent.Listen(0);
        using Socket fill = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await fill.ConnectAsync(silent.LocalEndPoint!);
        using Socket winner = await new HappyEyeballs(TimeSpan.FromSeconds(20), null)
            .ConnectAsync([IPAddress.Parse("127.0.0.98"), IPAddress.Loopback], server.Port, CancellationToken.None)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(5));
        Assert.AreEqual(IPAddress.Loopback, ((IPEndPoint)winner.RemoteEndPoint!).Address);
    }

    private static HostResolver Resolver(string[] allowed, params string[] found) =>
        new(new EndpointMatcher(allowed), (_, _) => ValueTask.FromResult(found.Select(IPAddress.Parse).ToArray()), CancellationToken.None);
}
