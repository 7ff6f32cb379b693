using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox.Connections;
using IsolatedAgents.Sockets;
using IsolatedAgents.Supervisor.Egress;

namespace IsolatedAgents.Supervisor.Tests.Egress;

/// <summary>What the agent connects to, handed over by the supervisor and taken by the host: both ends as they are.</summary>
[TestClass]
public sealed class HandoverTests(TestContext context) : IDisposable
{
    private const int Stream = 1;
    private const int Datagram = 2;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("isolated-agents-handover-");
    private readonly Channel<AgentConnection> _connections = System.Threading.Channels.Channel.CreateUnbounded<AgentConnection>();
    private readonly CancellationTokenSource _closing = new();
    private Socket? _supervisor;
    private Socket? _host;

    public void Dispose()
    {
        _closing.Dispose();
        _supervisor?.Dispose();
        _host?.Dispose();
        _folder.Delete(true);
    }

    [TestMethod]
    [DataRow("127.0.0.1")]
    [DataRow("::1")]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task ConnectionsToAnEndpoint_AreTakenByTheHost(string address)
    {
        ListeningEndpoint endpoint = Listen(IPAddress.Parse(address));
        Task receiving = await BeginAsync();
        Carrier.Open(endpoint);
        for (int i = 0; i < 3; i++)
        {
            using Socket agent = Connect(address, endpoint.Port);
            await agent.SendAsync(new byte[] { 7 }, context.CancellationToken);
            AgentConnection taken = await _connections.Reader.ReadAsync(context.CancellationToken);
            using (taken.Stream)
            {
                byte[] buffer = new byte[1];
                Assert.AreEqual(1, await taken.Stream.ReadAsync(buffer, context.CancellationToken));
                Assert.AreEqual(7, buffer[0]);
                Assert.AreEqual(new EgressTarget("a.example", 443), taken.Target);
            }
        }

        await _closing.CancelAsync();
        await receiving;
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task EndpointThatIsClosed_HasItsLastConnectionsTaken_AndItsPortIsFree()
    {
        ListeningEndpoint endpoint = Listen(IPAddress.Loopback);
        Task receiving = await BeginAsync();
        Carrier.Open(endpoint);
        using Socket agent = Connect("127.0.0.1", endpoint.Port);
        Carrier.Close(endpoint);
        using DuplexStream taken = (await _connections.Reader.ReadAsync(context.CancellationToken)).Stream;
        await taken.WriteAsync(new byte[] { 7 }, context.CancellationToken);
        Assert.AreEqual(1, await agent.ReceiveAsync(new byte[1], context.CancellationToken));
        Assert.ThrowsExactly<SocketException>(() => Connect("127.0.0.1", endpoint.Port));
        using Socket server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        server.Bind(new IPEndPoint(IPAddress.Loopback, endpoint.Port));
        server.Listen();
        await _closing.CancelAsync();
        await receiving;
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task EndpointThatIsClosedBeforeTheHostTakesIt_IsNoConnection()
    {
        ListeningEndpoint endpoint = Listen(IPAddress.Loopback);
        await PairAsync();
        Carrier.Open(endpoint);
        using Socket agent = Connect("127.0.0.1", endpoint.Port);
        Carrier.Close(endpoint);
        // Only now does the host look: a listener that has ended, and then the agent's connection.
        _supervisor!.Dispose();
        await ReceiveAsync();
        Assert.IsTrue(_connections.Reader.TryRead(out AgentConnection? taken));
        using DuplexStream stream = taken.Stream;
        await stream.WriteAsync(new byte[] { 7 }, context.CancellationToken);
        Assert.AreEqual(1, await agent.ReceiveAsync(new byte[1], context.CancellationToken));
        Assert.IsFalse(_connections.Reader.TryRead(out _));
    }

    [TestMethod]
    [DataRow(true, DisplayName = "the supervisor has ended")]
    [DataRow(false, DisplayName = "the run is over")]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task ConnectionsThatHaveArrivedAtTheEnd_AreTaken(bool isSupervisorGone)
    {
        ListeningEndpoint endpoint = Listen(IPAddress.Loopback);
        // Nobody waits for the host yet.
        await PairAsync();
        Carrier.Open(endpoint);
        using Socket first = Connect("127.0.0.1", endpoint.Port);
        using Socket second = Connect("127.0.0.1", endpoint.Port);
        if (isSupervisorGone)
        {
            _supervisor!.Dispose();
        }
        else
        {
            await _closing.CancelAsync();
        }

        await ReceiveAsync();
        for (int i = 0; i < 2; i++)
        {
            Assert.IsTrue(_connections.Reader.TryRead(out AgentConnection? taken));
            taken.Stream.Dispose();
        }
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task SomethingElseThanAConnection_IsRefused()
    {
        int fd = EgressSocket.Bind(IPAddress.Loopback, 0, Datagram);
        Task receiving = await BeginAsync();
        Carrier.Open(new ListeningEndpoint(fd, "a.example", 443));
        await Assert.ThrowsExactlyAsync<ProtocolException>(() => receiving);
    }

    [TestMethod]
    public void AcceptedConnection_HoldsNothingBack()
    {
        ListeningEndpoint endpoint = Listen(IPAddress.Loopback);
        using Socket agent = Connect("127.0.0.1", endpoint.Port);
        using Socket accepted = new(new SafeSocketHandle(EgressSocket.Accept(endpoint.Fd), ownsHandle: true));
        using Socket listener = new(new SafeSocketHandle(endpoint.Fd, ownsHandle: true));
        Assert.IsTrue(accepted.NoDelay);
    }

    private DescriptorCarrier Carrier => new((int)_supervisor!.Handle);

    private static ListeningEndpoint Listen(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetworkV6 && !Socket.OSSupportsIPv6)
        {
            Assert.Inconclusive("this machine has no IPv6");
        }

        return new ListeningEndpoint(EgressSocket.Bind(address, 0, Stream), "a.example", 443);
    }

    private static Socket Connect(string address, int port)
    {
        Socket agent = new(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        agent.Connect(address, port);
        return agent;
    }

    private async Task<Task> BeginAsync()
    {
        await PairAsync();
        return ReceiveAsync();
    }

    private async Task PairAsync()
    {
        UnixDomainSocketEndPoint path = new(Path.Combine(_folder.FullName, "s"));
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(path);
        listener.Listen();
        _supervisor = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await _supervisor.ConnectAsync(path, context.CancellationToken);
        _host = await listener.AcceptAsync(context.CancellationToken);
    }

    private Task ReceiveAsync() =>
        new DescriptorReceiver(
            ReadinessLoop.OfProcess!,
            _host!,
            _connections.Writer,
            new SocketHolders((_, _, _) => Task.CompletedTask)
        ).ReceiveAsync(_closing.Token);
}
