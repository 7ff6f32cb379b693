using System.Text;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>What an agent may reach, it reaches as if it were there: with sockets that keep all that sockets have.</summary>
[TestClass]
public sealed class EgressTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AllowedName_IsReachedAndTold()
    {
        using HostServer server = new(HostServer.AnswerAsync);
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"web.test:{server.Port}"],
            $"import urllib.request; print(urllib.request.urlopen('http://web.test:{server.Port}/a?secret=1').read().decode())",
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.Contains("hello", host.Lines);
        NetworkRequest request = Assert.ContainsSingle(host.Requests);
        Assert.AreEqual(
            ("web.test", server.Port, "GET", "/a", "HTTP", 200),
            (request.Host, request.Port, request.Method, request.Path, request.Protocol, request.ResponseCode ?? 0)
        );
        NetworkClosed closed = Assert.ContainsSingle(host.Sandbox.Events.OfType<NetworkClosed>());
        Assert.IsGreaterThan(0, closed.Sent);
        ResourceUsage usage = host.Sandbox.Events.OfType<ResourceUsage>().Last();
        Assert.AreEqual((closed.Sent, closed.Received), (usage.NetworkSent, usage.NetworkReceived));
        Assert.Contains($"Host: web.test:{server.Port}", Assert.ContainsSingle(server.Requests));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AllowedAddressAndWildcard_AreReached()
    {
        using HostServer server = new(HostServer.EchoAsync);
        using EgressHost host = new();
        AgentRunResult result = await host.Resolve("a.b.wild.test", "127.0.0.1")
            .RunStrictAsync(
                [$"127.0.0.1:{server.Port}", $"*.wild.test:{server.Port}"],
                $$"""
                import socket
                def ask(host):
                    s = socket.create_connection((host, {{server.Port}}), 10)
                    peer = s.getpeername()[0]; s.sendall(host.encode()); s.shutdown(socket.SHUT_WR)
                    print(s.makefile().read(), peer)
                for host in ('a.b.wild.test', '127.0.0.1', 'A.B.Wild.Test.'): ask(host)
                try: socket.getaddrinfo('wild.test', 1)
                except socket.gaierror: print('no wild.test')
                """,
                Token
            );
        Assert.AreEqual(4, host.Lines.Count, string.Join('\n', host.Lines));
        Assert.StartsWith("a.b.wild.test 198.18.", host.Lines[0]);
        Assert.AreEqual("127.0.0.1 127.0.0.1", host.Lines[1]);
        Assert.AreEqual(host.Lines[0].Split(' ')[1], host.Lines[2].Split(' ')[1], "one name has one address, however it is spelled");
        Assert.AreEqual("wild.test", Assert.ContainsSingle(result.Violations).Subject);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SocketSemantics_AreKept()
    {
        using HostServer echo = new(HostServer.EchoAsync);
        using HostServer reset = new(HostServer.ResetAsync);
        using HostServer greeter = new(async (socket, _) => await socket.SendAsync("220 ready\r\n"u8.ToArray()));
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"echo.test:{echo.Port}", $"reset.test:{reset.Port}", $"greeter.test:{greeter.Port}"],
            $$"""
            import errno, os, select, socket
            E = ('echo.test', {{echo.Port}})
            # epoll before connect, without blocking
            s = socket.socket(); s.setblocking(False)
            p = select.epoll(); p.register(s, select.EPOLLOUT)
            print('connect', s.connect_ex((socket.gethostbyname(E[0]), E[1])) in (0, errno.EINPROGRESS))
            print('writable', bool(p.poll(10)), s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            print('peer', s.getpeername()[1] == E[1])
            # dup and fork
            d = s.dup(); s.close(); d.setblocking(True)
            if os.fork() == 0:
                d.sendall(b'from the child'); os._exit(0)
            os.wait()
            print('fork', d.recv(100).decode())
            # options that clients set
            d.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1); d.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1); d.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1); d.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            # half-close
            d.sendall(b'x' * 100000); d.shutdown(socket.SHUT_WR)
            print('half', len(d.makefile('rb').read()))
            # a reset is a reset
            try:
                r = socket.create_connection(('reset.test', {{reset.Port}}), 10); r.settimeout(10)
                print('reset', len(r.recv(1)))
            except ConnectionResetError: print('reset', 'ECONNRESET')
            # a server that speaks first
            print('greeting', socket.create_connection(('greeter.test', {{greeter.Port}}), 10).makefile().readline().strip())
            # loopback of its own, both families, on the same port
            for family, address in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):
                own = socket.socket(family); own.bind((address, E[1])); own.listen()
                c = socket.create_connection((address, E[1]), 10); a, _ = own.accept(); a.sendall(b'own'); print('loopback', c.recv(3).decode())
            print('localhost', socket.gethostbyname('localhost'), socket.gethostbyname(socket.gethostname()))
            """,
            Token
        );
        string[] expected =
        [
            "connect True",
            "writable True 0",
            "peer True",
            "fork from the child",
            "half 100000",
            "reset ECONNRESET",
            "greeting 220 ready",
            "loopback own",
            "loopback own",
            "localhost 127.0.0.1 127.0.0.1",
        ];
        CollectionAssert.AreEqual(expected, host.Lines.ToArray(), string.Join('\n', host.Lines));
        AssertVerdict(Verdict.Passed, 0, result);
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task ManyBytesBothWays_AreExact()
    {
        const int Length = 64 * 1024 * 1024;
        using HostServer server = new(HostServer.EchoAsync);
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"echo.test:{server.Port}"],
            $$"""
            import hashlib, os, socket, threading
            s = socket.create_connection(('echo.test', {{server.Port}}), 60)
            block = os.urandom(1 << 20); sent = hashlib.sha256(); got = hashlib.sha256(); count = 0
            def send():
                for _ in range({{Length}} >> 20): s.sendall(block); sent.update(block)
                s.shutdown(socket.SHUT_WR)
            t = threading.Thread(target=send); t.start()
            while data := s.recv(1 << 18): got.update(data); count += len(data)
            t.join(); print(count, sent.digest() == got.digest())
            """,
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual($"{Length} True", host.Lines[^1]);
        NetworkClosed closed = Assert.ContainsSingle(host.Sandbox.Events.OfType<NetworkClosed>());
        Assert.AreEqual((Length, Length), (closed.Sent, closed.Received));
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task ThousandConnectionsAtOnce_AreServed()
    {
        using HostServer server = new(HostServer.EchoAsync);
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"echo.test:{server.Port}"],
            $$"""
            import resource, socket
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
            address = (socket.gethostbyname('echo.test'), {{server.Port}})
            all = [socket.create_connection(address, 60) for _ in range(1000)]
            for i, s in enumerate(all): s.sendall(b'%04d' % i)
            print(sum(s.recv(4, socket.MSG_WAITALL) == b'%04d' % i for i, s in enumerate(all)))
            """,
            Token,
            ("network.max_connections", "1000")
        );
        Assert.AreEqual("1000", host.Lines[^1]);
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual(1000, host.Requests.Sum(request => request.Count));
    }

    [TestMethod]
    [DoNotParallelize]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task TenThousandConnectionsInTurn_LeaveNothingBehind()
    {
        const int Warm = 2000;
        const int All = 10_000;
        const long MostGrowth = 8 * 1024 * 1024;
        int count = 0;
        Dictionary<int, (long Memory, int Descriptors)> found = [];
        using HostServer server = new(
            async (socket, _) =>
            {
                byte[] buffer = new byte[2];
                await socket.ReceiveAsync(buffer);
                if (Interlocked.Increment(ref count) is Warm or All)
                {
                    // The agent waits for its answer, so nothing goes on meanwhile.
                    found[count] = (GC.GetTotalMemory(forceFullCollection: true), Descriptors());
                }

                await socket.SendAsync(buffer);
                await socket.ReceiveAsync(buffer);
            }
        );
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"echo.test:{server.Port}"],
            $$"""
            import socket
            address = (socket.gethostbyname('echo.test'), {{server.Port}})
            for i in range({{All}}):
                s = socket.create_connection(address, 60); s.sendall(b'1\n'); s.recv(2, socket.MSG_WAITALL); s.close()
            print('done')
            """,
            Token,
            ("timeout_seconds", "90")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("done", host.Lines[^1]);
        Assert.AreEqual(All, host.Requests.Sum(request => request.Count));
        context.WriteLine($"{found[Warm]} {found[All]}");
        // What is kept of each connection is the event of its end, and the test's.
        Assert.IsLessThan(found[Warm].Memory + MostGrowth, found[All].Memory, "bytes in use");
        Assert.IsLessThan(found[Warm].Descriptors + 50, found[All].Descriptors, "descriptors of this process");
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LastWordsOfAnAgent_ReachTheServer()
    {
        TaskCompletionSource<string> received = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using HostServer server = new(
            async (socket, _) =>
            {
                StringBuilder text = new();
                byte[] buffer = new byte[64 * 1024];
                int count;
                while ((count = await socket.ReceiveAsync(buffer)) > 0)
                {
                    text.Append(Encoding.Latin1.GetString(buffer, 0, count));
                }

                received.TrySetResult(text.ToString());
            }
        );
        using EgressHost host = new();
        await host.RunAsync(
            [$"log.test:{server.Port}"],
            $"import socket; socket.create_connection(('log.test', {server.Port}), 10).sendall(b'x' * 50000 + b'end')",
            Token
        );
        string all = await received.Task.WaitAsync(TimeSpan.FromSeconds(10), Token);
        Assert.AreEqual(50003, all.Length);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ServerThatIsNotThere_IsAnErrorOfTheConnectionAndNoViolation()
    {
        using EgressHost host = new();
        AgentRunResult result = await host.Resolve("gone.test", "")
            .RunAsync(
                ["gone.test:80", "closed.test:1"],
                """
                import socket
                for host, port in (('gone.test', 80), ('closed.test', 1)):
                    try: s = socket.create_connection((host, port), 10); s.sendall(b'x'); print(host, s.recv(1))
                    except OSError as e: print(host, type(e).__name__)
                """,
                Token
            );
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEqual(
            new[] { "gone.test ConnectionResetError", "closed.test ConnectionResetError" },
            host.Lines.ToArray(),
            string.Join('\n', host.Lines)
        );
        Assert.IsTrue(host.Sandbox.Events.OfType<NetworkClosed>().All(closed => closed.Error is { Length: > 0 }));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ViolationOfTheBroker_StopsTheAgentWhereThePolicySaysSo()
    {
        using HostServer server = new(HostServer.AnswerAsync);
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"web.test:{server.Port}"],
            $$"""
            import socket, time
            s = socket.create_connection(('web.test', {{server.Port}}), 10); s.sendall(b'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n')
            print(s.recv(20).decode()); time.sleep(600); print('late')
            """,
            Token,
            ("on_violation", "stop")
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.DoesNotContain("late", host.Lines);
        Assert.IsLessThan(TimeSpan.FromSeconds(30), result.Duration);
    }

    private static int Descriptors() => Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();
}
