using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Tests;

/// <summary>What is neither TLS nor HTTP passes as it is, in both directions, to its end.</summary>
[TestClass]
public sealed class RelayTests
{
    [TestMethod]
    public async Task Stream_HalfClosed_StillReceives()
    {
        await using TestServer server = new(async socket =>
        {
            string all = await TestServer.ReadToEndAsync(socket);
            await TestServer.SendAllAsync(socket, $"got {all.Length}");
        });
        await using BrokerHost host = new(BrokerHost.Allow($"raw.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("raw.test", server.Port);
        await TestServer.SendAllAsync(agent, "\0\u0001binary");
        agent.Shutdown(SocketShutdown.Send);
        Assert.AreEqual("got 8", await TestServer.ReadToEndAsync(agent));
        RecordingSink.Closed closed = await host.Sink.NextClosedAsync();
        Assert.AreEqual((8L, 5L, (string?)null), (closed.Sent, closed.Received, closed.Error));
        Assert.AreEqual((EgressRequest.Tcp, "127.0.0.1"), (host.Sink.Allowed.Single().Protocol, host.Sink.Allowed.Single().Address));
    }

    [TestMethod]
    public async Task Stream_ServerSpeaksFirst_IsHeardAtOnce()
    {
        await using TestServer server = new(async socket =>
        {
            await TestServer.SendAllAsync(socket, "220 ready\r\n");
            Assert.AreEqual("QUIT\r\n", await TestServer.ReadUntilAsync(socket, "\r\n"));
            await TestServer.SendAllAsync(socket, "221 bye\r\n");
        });
        await using BrokerHost host = new(BrokerHost.Allow($"mail.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("mail.test", server.Port);
        Assert.AreEqual("220 ready\r\n", await TestServer.ReadUntilAsync(agent, "\r\n"));
        await TestServer.SendAllAsync(agent, "QUIT\r\n");
        Assert.AreEqual("221 bye\r\n", await TestServer.ReadToEndAsync(agent));
    }

    [TestMethod]
    public async Task Stream_ServerResets_AgentSeesAReset()
    {
        await using TestServer server = new(async socket =>
        {
            await socket.ReceiveAsync(new byte[1]);
            socket.LingerState = new LingerOption(true, 0);
        });
        await using BrokerHost host = new(BrokerHost.Allow($"raw.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("raw.test", server.Port);
        await TestServer.SendAllAsync(agent, "\u0001");
        SocketException exception = await Assert.ThrowsExactlyAsync<SocketException>(() => TestServer.ReadToEndAsync(agent));
        Assert.AreEqual(SocketError.ConnectionReset, exception.SocketErrorCode);
    }

    [TestMethod]
    public async Task Stream_AgentResets_ServerSeesAReset()
    {
        TaskCompletionSource<Exception?> seen = new();
        await using TestServer server = new(async socket =>
        {
            try
            {
                await TestServer.ReadToEndAsync(socket);
                seen.SetResult(null);
            }
            catch (SocketException exception)
            {
                seen.SetResult(exception);
            }
        });
        await using BrokerHost host = new(BrokerHost.Allow($"raw.test:{server.Port}"));
        using (Socket agent = await host.ConnectAsync("raw.test", server.Port))
        {
            await TestServer.SendAllAsync(agent, "\u0001\u0002");
            while (host.Sink.Allowed.IsEmpty)
            {
                await Task.Yield();
            }

            agent.LingerState = new LingerOption(true, 0);
        }

        Assert.AreEqual(
            SocketError.ConnectionReset,
            ((await seen.Task.WaitAsync(TimeSpan.FromSeconds(10))) as SocketException)?.SocketErrorCode
        );
    }

    [TestMethod]
    public async Task Stream_OneGibibyte_ArrivesWhole()
    {
        const long Size = 1L << 30;
        byte[] block = RandomNumberGenerator.GetBytes(1 << 20);
        await using TestServer server = new(async socket =>
        {
            await socket.ReceiveAsync(new byte[1]);
            for (long sent = 0; sent < Size; sent += block.Length)
            {
                await TestServer.SendAllAsync(socket, block);
            }

            socket.Shutdown(SocketShutdown.Send);
        });
        await using BrokerHost host = new(BrokerHost.Allow($"raw.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("raw.test", server.Port);
        await TestServer.SendAllAsync(agent, "\u0001");
        byte[] buffer = new byte[1 << 20];
        long received = 0;
        bool isSame = true;
        while (await agent.ReceiveAsync(buffer) is var read and > 0)
        {
            for (int at = 0; at < read; )
            {
                int from = (int)((received + at) % block.Length);
                int length = Math.Min(read - at, block.Length - from);
                isSame &= buffer.AsSpan(at, length).SequenceEqual(block.AsSpan(from, length));
                at += length;
            }

            received += read;
        }

        Assert.AreEqual(Size, received);
        Assert.IsTrue(isSame);
        Assert.AreEqual(Size, host.Broker.BytesReceived);
    }

    [TestMethod]
    public async Task Stream_ServerThatDoesNotRead_HoldsTheAgentBack()
    {
        TaskCompletionSource release = new();
        await using TestServer server = new(_ => release.Task);
        await using BrokerHost host = new(BrokerHost.Allow($"raw.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("raw.test", server.Port);
        agent.Blocking = false;
        byte[] block = new byte[1 << 20];
        long sent = 0;
        Stopwatch quiet = Stopwatch.StartNew();
        while (quiet.Elapsed < TimeSpan.FromSeconds(1) && sent < 1L << 28)
        {
            try
            {
                sent += agent.Send(block);
                quiet.Restart();
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.WouldBlock)
            {
                await Task.Delay(20);
            }
        }

        Assert.IsLessThan(64L << 20, sent, "More was taken than kernel buffers hold.");
        release.SetResult();
    }

    [TestMethod]
    public async Task Upload_OverTheLimit_IsCutAndTold()
    {
        long got = 0;
        await using TestServer server = new(async socket =>
        {
            byte[] buffer = new byte[4096];
            while (await socket.ReceiveAsync(buffer) is var read and > 0)
            {
                Interlocked.Add(ref got, read);
            }
        });
        await using BrokerHost host = new(BrokerHost.Allow($"raw.test:{server.Port}") with { MaxUploadBytes = 100_000 });
        using Socket first = await host.ConnectAsync("raw.test", server.Port);
        await TestServer.SendAllAsync(first, new byte[60_000]);
        first.Shutdown(SocketShutdown.Send);
        await TestServer.ReadToEndAsync(first);
        await host.Sink.NextClosedAsync();
        using Socket second = await host.ConnectAsync("raw.test", server.Port);
        await TestServer.SendAllAsync(second, new byte[60_000]);
        await Assert.ThrowsExactlyAsync<SocketException>(() => TestServer.ReadToEndAsync(second));
        (EgressTarget target, string reason, string rule) = await host.Sink.NextBlockedAsync();
        Assert.AreEqual(
            $"raw.test:{server.Port} More than 100000 bytes to one endpoint network.max_upload_bytes",
            $"{target} {reason} {rule}"
        );
        Assert.IsLessThanOrEqualTo(100_000L, Interlocked.Read(ref got));
    }

    [TestMethod]
    public async Task Connection_Idle_IsReset()
    {
        await using TestServer server = new(TestServer.EchoAsync);
        await using BrokerHost host = new(
            BrokerHost.Allow($"raw.test:{server.Port}"),
            BrokerHost.Loopback with
            {
                IdleTimeout = TimeSpan.FromSeconds(1),
            }
        );
        using Socket agent = await host.ConnectAsync("raw.test", server.Port);
        await TestServer.SendAllAsync(agent, "\u0001");
        await Assert.ThrowsExactlyAsync<SocketException>(() => TestServer.ReadToEndAsync(agent));
        Assert.AreEqual("Nothing passed for too long", (await host.Sink.NextClosedAsync()).Error);
    }

    [TestMethod]
    [TestProperty("Case", "N17")]
    public async Task MoreConnectionsThanAllowed_AreRefusedAndTheOthersLive()
    {
        await using TestServer server = new(TestServer.EchoAsync);
        await using BrokerHost host = new(BrokerHost.Allow($"raw.test:{server.Port}") with { MaxConnections = 8 });
        int port = host.Expose("raw.test", server.Port);
        List<Socket> agents = [];
        for (int i = 0; i < 8; i++)
        {
            Socket agent = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            agents.Add(agent);
            await agent.ConnectAsync(IPAddress.Loopback, port);
            await TestServer.SendAllAsync(agent, "\u0001x\n");
            Assert.AreEqual("\u0001x\n", await TestServer.ReadUntilAsync(agent, "\n"));
        }

        using Socket ninth = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await Assert.ThrowsExactlyAsync<SocketException>(async () =>
        {
            await ninth.ConnectAsync(IPAddress.Loopback, port);
            await TestServer.ReadToEndAsync(ninth);
        });
        Assert.AreEqual("network.max_connections", (await host.Sink.NextBlockedAsync()).Rule);
        foreach (Socket agent in agents)
        {
            await TestServer.SendAllAsync(agent, "y\n");
            Assert.AreEqual("y\n", await TestServer.ReadUntilAsync(agent, "\n"));
            agent.Dispose();
        }
    }

    [TestMethod]
    public async Task Connections_AThousandAtOnce_AllEcho()
    {
        await using TestServer server = new(TestServer.EchoAsync);
        await using BrokerHost host = new(BrokerHost.Allow($"raw.test:{server.Port}"));
        int port = host.Expose("raw.test", server.Port);
        TaskCompletionSource all = new();
        int ready = 0;
        await Task.WhenAll(
                Enumerable
                    .Range(0, 1000)
                    .Select(async i =>
                    {
                        using Socket agent = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                        await agent.ConnectAsync(IPAddress.Loopback, port);
                        await TestServer.SendAllAsync(agent, $"\u0001{i}\n");
                        Assert.AreEqual($"\u0001{i}\n", await TestServer.ReadUntilAsync(agent, "\n"));
                        if (Interlocked.Increment(ref ready) == 1000)
                        {
                            all.SetResult();
                        }

                        await all.Task;
                        await TestServer.SendAllAsync(agent, "end\n");
                        agent.Shutdown(SocketShutdown.Send);
                        Assert.AreEqual("end\n", await TestServer.ReadToEndAsync(agent));
                    })
            )
            .WaitAsync(TimeSpan.FromSeconds(60));
        Assert.IsEmpty(host.Sink.Blocked);
    }

    // Alone: the descriptors that it counts are the process's, those of other tests among them.
    [TestMethod]
    [DoNotParallelize]
    public async Task Connections_TenThousandInTurn_LeaveNoDescriptors()
    {
        await using TestServer server = new(TestServer.EchoAsync);
        await using BrokerHost host = new(BrokerHost.Allow($"raw.test:{server.Port}"));
        int port = host.Expose("raw.test", server.Port);
        await RunAsync(100);
        int before = Directory.GetFiles("/proc/self/fd").Length;
        await RunAsync(10_000);
        Assert.IsLessThan(before + 40, Directory.GetFiles("/proc/self/fd").Length);

        async Task RunAsync(int count)
        {
            for (int i = 0; i < count; i++)
            {
                using Socket agent = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await agent.ConnectAsync(IPAddress.Loopback, port);
                await TestServer.SendAllAsync(agent, "\u0001");
                agent.Shutdown(SocketShutdown.Send);
                Assert.AreEqual("\u0001", await TestServer.ReadToEndAsync(agent));
                await host.Sink.NextClosedAsync();
            }
        }
    }
}
