using System.Net;
using System.Net.Sockets;

namespace IsolatedAgents.Egress.Tests;

/// <summary>The first bytes of a connection go on in the thread that waits for them, and never keep it.</summary>
[TestClass]
[OSCondition(OperatingSystems.Linux)]
public sealed class ReadinessTests
{
    private const string Loop = "egress";

    [TestMethod]
    public async Task Reads_AfterTheFirstOnes_LeaveTheThreadThatWaits()
    {
        (SocketDuplexStream stream, Socket other) = await ConnectAsync();
        using (stream)
        using (other)
        {
            string? first = await ReadAsync(stream, other);
            string? last = first;
            for (int i = 0; i < 20; i++)
            {
                last = await ReadAsync(stream, other);
            }

            Assert.AreEqual(Loop, first);
            Assert.AreNotEqual(Loop, last);
        }
    }

    [TestMethod]
    public async Task MarkedReads_OfWhatIsThere_LeaveTheThreadThatWaits()
    {
        (SocketDuplexStream stream, Socket other) = await ConnectAsync();
        using (stream)
        using (other)
        {
            Task<(string? First, string? Last)> read = AllAsync();
            await other.SendAsync(new byte[20]);
            (string? first, string? last) = await read;
            Assert.AreEqual(Loop, first);
            Assert.AreNotEqual(Loop, last);
        }

        async Task<(string? First, string? Last)> AllAsync()
        {
            string? first = null;
            for (int i = 0; i < 20; i++)
            {
                Assert.AreEqual((1, false), await stream.ReadMarkedAsync(new byte[1]).ConfigureAwait(false));
                first ??= Thread.CurrentThread.Name;
            }

            return (first, Thread.CurrentThread.Name);
        }
    }

    [TestMethod]
    public async Task Read_ConnectionIsAborted_Ends()
    {
        (SocketDuplexStream stream, Socket other) = await ConnectAsync();
        using (other)
        {
            Task<int> waiting = stream.ReadAsync(new byte[1]).AsTask();
            stream.Abort();
            await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() => waiting.WaitAsync(TimeSpan.FromSeconds(10)));
            await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() => stream.ReadAsync(new byte[1]).AsTask());
        }
    }

    [TestMethod]
    public async Task Connections_CarryWhatTheyCan_OthersAreServed()
    {
        using CancellationTokenSource served = new();
        await using TestServer sink = new(async socket =>
        {
            byte[] buffer = new byte[1024 * 1024];
            while (await socket.ReceiveAsync(buffer) > 0)
            {
            }
        });
        await using TestServer echo = new(TestServer.EchoAsync);
        await using BrokerHost host = new(BrokerHost.Allow($"sink.test:{sink.Port}", $"echo.test:{echo.Port}"));
        Task[] floods = [.. Enumerable.Range(0, 4).Select(_ => FloodAsync())];
        while (host.Broker.BytesSent < 1024 * 1024)
        {
            await Task.Yield();
        }

        for (int i = 0; i < 20; i++)
        {
            using Socket agent = await host.ConnectAsync("echo.test", echo.Port);
            await TestServer.SendAllAsync(agent, "\u0001hello");
            agent.Shutdown(SocketShutdown.Send);
            Assert.AreEqual("\u0001hello", await TestServer.ReadToEndAsync(agent));
        }

        await served.CancelAsync();
        await Task.WhenAll(floods);

        async Task FloodAsync()
        {
            using Socket agent = await host.ConnectAsync("sink.test", sink.Port);
            byte[] block = new byte[256 * 1024];
            while (!served.IsCancellationRequested)
            {
                await TestServer.SendAllAsync(agent, block);
            }
        }
    }

    private static async Task<(SocketDuplexStream Stream, Socket Other)> ConnectAsync()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Socket other = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await other.ConnectAsync(listener.LocalEndpoint);
        SocketDuplexStream stream = new(await listener.AcceptSocketAsync());
        stream.ExpectFirstBytes();
        return (stream, other);
    }

    /// <summary>A read that has to wait; gives the name of the thread that goes on after it.</summary>
    private static async Task<string?> ReadAsync(SocketDuplexStream stream, Socket other)
    {
        Task<string?> read = NextAsync();
        await other.SendAsync(new byte[1]);
        string? name = await read;
        await Task.Yield();
        return name;

        async Task<string?> NextAsync()
        {
            Assert.AreEqual(1, await stream.ReadAsync(new byte[1]).ConfigureAwait(false));
            return Thread.CurrentThread.Name;
        }
    }
}
