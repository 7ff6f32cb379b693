using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Sockets;

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
            while (await socket.ReceiveAsync(buffer) > 0) { }
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

    [TestMethod]
    public async Task Dial_InTheThreadThatWaits_StaysThere()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        (string? thread, bool isConnected) = await InLoopAsync(async () =>
        {
            using Socket socket = await DialAsync(listener.LocalEndpoint, TimeSpan.FromSeconds(20), CancellationToken.None)
                .ConfigureAwait(false);
            return (Thread.CurrentThread.Name, socket.Connected);
        });
        Assert.AreEqual(Loop, thread);
        Assert.IsTrue(isConnected);
    }

    [TestMethod]
    public async Task Dial_ServerThatAnswersLate_IsWaitedFor()
    {
        using Socket silent = await ListenAndFillAsync();
        (string? thread, bool isConnected) = await InLoopAsync(async () =>
        {
            ValueTask<Socket> dialling = DialAsync(silent.LocalEndPoint!, TimeSpan.FromSeconds(20), CancellationToken.None);
            Assert.IsFalse(dialling.IsCompleted);
            silent.Accept().Dispose();
            using Socket socket = await dialling.ConfigureAwait(false);
            return (Thread.CurrentThread.Name, socket.Connected);
        });
        Assert.AreEqual(Loop, thread);
        Assert.IsTrue(isConnected);
    }

    [TestMethod]
    public async Task Dial_ServerThatRefusesOrStaysSilent_Fails()
    {
        using Socket silent = await ListenAndFillAsync();
        using Socket closed = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using CancellationTokenSource cancellation = new();
        Exception?[] failures = await InLoopAsync(async () =>
        {
            ValueTask<Socket> cancelled = DialAsync(silent.LocalEndPoint!, TimeSpan.FromSeconds(20), cancellation.Token);
            await cancellation.CancelAsync().ConfigureAwait(false);
            return new[]
            {
                await FailureAsync(cancelled).ConfigureAwait(false),
                await FailureAsync(DialAsync(closed.LocalEndPoint!, TimeSpan.FromSeconds(20), CancellationToken.None))
                    .ConfigureAwait(false),
                await FailureAsync(DialAsync(silent.LocalEndPoint!, TimeSpan.FromMilliseconds(50), CancellationToken.None))
                    .ConfigureAwait(false),
            };
        });
        Assert.IsInstanceOfType<OperationCanceledException>(failures[0]);
        Assert.AreEqual("127.0.0.1 does not answer (ConnectionRefused)", failures[1]?.Message);
        Assert.AreEqual("127.0.0.1 does not answer within 0.1 seconds", failures[2]?.Message);

        static async Task<Exception?> FailureAsync(ValueTask<Socket> dialling)
        {
            try
            {
                (await dialling.ConfigureAwait(false)).Dispose();
                return null;
            }
            catch (Exception failure) when (failure is UnreachableException or OperationCanceledException)
            {
                return failure;
            }
        }
    }

    private static ValueTask<Socket> DialAsync(EndPoint server, TimeSpan timeout, CancellationToken cancellationToken) =>
        new HappyEyeballs(timeout, ReadinessLoop.OfProcess).ConnectAsync(
            [((IPEndPoint)server).Address],
            ((IPEndPoint)server).Port,
            cancellationToken
        );

    /// <summary>A listener whose queue is full answers nothing.</summary>
    private static async Task<Socket> ListenAndFillAsync()
    {
        Socket silent = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen(0);
        using Socket fill = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await fill.ConnectAsync(silent.LocalEndPoint!);
        return silent;
    }

    private static async Task<T> InLoopAsync<T>(Func<Task<T>> action)
    {
        (SocketDuplexStream stream, Socket other) = await ConnectAsync();
        using (stream)
        using (other)
        {
            Task<T> done = AfterReadAsync();
            await other.SendAsync(new byte[1]);
            T result = await done;
            await Task.Yield();
            return result;
        }

        async Task<T> AfterReadAsync()
        {
            Assert.AreEqual(1, await stream.ReadAsync(new byte[1]).ConfigureAwait(false));
            return await action().ConfigureAwait(false);
        }
    }

    private static async Task<(SocketDuplexStream Stream, Socket Other)> ConnectAsync()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Socket other = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await other.ConnectAsync(listener.LocalEndpoint);
        SocketDuplexStream stream = new(await listener.AcceptSocketAsync(), ReadinessLoop.OfProcess);
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
