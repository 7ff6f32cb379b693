using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>An allowed endpoint is one for TCP: whatever else is sent to it is refused at once and told, and not lost in silence.</summary>
[TestClass]
public sealed class DatagramTests(TestContext context)
{
    private const int Minute = 60_000;

    private const string Script = """
        import ctypes, socket, struct, threading
        libc = ctypes.CDLL(None, use_errno=True)
        A = (socket.gethostbyname('allowed.test'), 443)
        u = socket.socket(type=socket.SOCK_DGRAM)
        def sendmmsg(address):
            name = struct.pack('<H', 2) + struct.pack('>H', address[1]) + socket.inet_aton(address[0]) + bytes(8)
            name = ctypes.create_string_buffer(name, 16); data = ctypes.create_string_buffer(b'x', 1)
            vector = ctypes.create_string_buffer(struct.pack('<QQ', ctypes.addressof(data), 1), 16)
            message = ctypes.create_string_buffer(struct.pack('<QI4xQQQQi4xI4x', ctypes.addressof(name), 16, ctypes.addressof(vector), 1, 0, 0, 0, 0), 64)
            if libc.sendmmsg(u.fileno(), message, 1, 0) < 0: raise OSError(ctypes.get_errno(), 'sendmmsg')
        def unspecified(address, is_message=False):
            name = ctypes.create_string_buffer(struct.pack('<H', 0) + struct.pack('>H', address[1]) + socket.inet_aton(address[0]) + bytes(8), 16)
            data = ctypes.create_string_buffer(b'x', 1)
            vector = ctypes.create_string_buffer(struct.pack('<QQ', ctypes.addressof(data), 1), 16)
            header = ctypes.create_string_buffer(struct.pack('<QI4xQQQQi4x', ctypes.addressof(name), 16, ctypes.addressof(vector), 1, 0, 0, 0), 56)
            sent = libc.sendmsg(u.fileno(), header, 0) if is_message else libc.sendto(u.fileno(), b'x', 1, 0, name, 16)
            if sent < 0: raise OSError(ctypes.get_errno(), 'sendto')
        def elsewhere(what):
            found = []
            def run():
                try: what()
                except OSError as e: found.append(e)
            t = threading.Thread(target=run); t.start(); t.join()
            if found: raise found[0]
        def attempt(what):
            try: print('done', what())
            except OSError as e: print(type(e).__name__, e.errno)

        """;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [DataRow("u.sendto(b'x', A)", DisplayName = "sendto")]
    [DataRow("u.sendmsg([b'x'], [], 0, A)", DisplayName = "sendmsg")]
    [DataRow("sendmmsg(A)", DisplayName = "sendmmsg")]
    [DataRow("unspecified(A)", DisplayName = "an address without a family (AF_UNSPEC)")]
    [DataRow("unspecified(A, True)", DisplayName = "a message to an address without a family")]
    [DataRow("u.connect(A)", DisplayName = "a connected socket")]
    [DataRow("elsewhere(lambda: u.sendto(b'x', A))", DisplayName = "another thread")]
    [DataRow(
        "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('::ffff:' + A[0], A[1]))",
        DisplayName = "an IPv4-mapped address"
    )]
    [DataRow("socket.socket(type=socket.SOCK_DGRAM, proto=136).sendto(b'x', A)", DisplayName = "UDP-Lite")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task DatagramToAnAllowedEndpoint_IsRefusedAndTold(string attempt)
    {
        using EgressHost host = new();
        AgentRunResult result = await host.RunStrictAsync(["allowed.test"], $"{Script}attempt(lambda: {attempt})", Token);
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.AreEqual("ConnectionRefusedError 111", host.Lines[0]);
        ViolationNetwork violation = Assert.ContainsSingle(host.Sandbox.Events.OfType<ViolationNetwork>());
        Assert.AreEqual(("allowed.test", 443, "/usr/bin/python3.11"), (violation.Host, violation.Port, violation.Process));
        Assert.Contains("only TCP is relayed", violation.Reason);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task DatagramWithoutAFamilyToAForeignAddress_IsRefusedAndTold()
    {
        using EgressHost host = new();
        AgentRunResult result = await host.RunStrictAsync(
            ["allowed.test"],
            $"{Script}attempt(lambda: unspecified(('192.0.2.7', 53)))",
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        ViolationNetwork violation = Assert.ContainsSingle(host.Sandbox.Events.OfType<ViolationNetwork>());
        Assert.AreEqual(("192.0.2.7", 53), (violation.Host, violation.Port));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task DatagramsOfItsOwnAndConnectionsOfThreads_GoOn()
    {
        using HostServer server = new(HostServer.EchoAsync);
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"allowed.test:{server.Port}"],
            $$"""
            {{Script}}
            own = socket.socket(type=socket.SOCK_DGRAM); own.bind(('127.0.0.1', {{server.Port}})); u.sendto(b'own', own.getsockname()); print(own.recv(3))
            which = socket.socket(type=socket.SOCK_DGRAM); which.connect((A[0], 0)); print(which.getsockname()[0] != '')
            def talk(): s = socket.create_connection(('allowed.test', {{server.Port}}), 10); s.sendall(b'x'); print(s.recv(1))
            elsewhere(talk)
            """,
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEqual(new[] { "b'own'", "True", "b'x'" }, host.Lines.ToArray(), string.Join('\n', host.Lines));
    }
}
