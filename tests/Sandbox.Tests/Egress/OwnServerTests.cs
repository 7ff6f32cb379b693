using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>An agent's own server on the very port of an endpoint: each is reached where it is meant.</summary>
[TestClass]
public sealed class OwnServerTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [DataRow("socket.AF_INET", "0.0.0.0", "127.0.0.1", true)]
    [DataRow("socket.AF_INET", "0.0.0.0", "127.0.0.1", false)]
    [DataRow("socket.AF_INET6", "::", "::1", true)]
    [DataRow("socket.AF_INET6", "::", "127.0.0.1", false)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ServerAtAllAddressesOnAnEndpointsPort_IsReachedBesideIt(string family, string address, string own, bool isReusing)
    {
        using HostServer server = new(HostServer.EchoAsync);
        using EgressHost host = new();
        string script = $$"""
            import errno, select, socket, threading
            P = {{server.Port}}
            def outside(family=socket.AF_INET):
                s = socket.socket(); s.settimeout(10); s.connect((socket.gethostbyname('echo.test'), P)); s.sendall(b'outside'); return s.recv(7).decode(), s
            def waiting():
                s = socket.socket(); s.setblocking(False); p = select.epoll(); p.register(s, select.EPOLLOUT)
                found = s.connect_ex((socket.gethostbyname('echo.test'), P)); p.poll(10); s.setblocking(True); s.sendall(b'waiting'); return found in (0, errno.EINPROGRESS), s.recv(7).decode()
            def plain():
                s = socket.socket(); s.connect((socket.gethostbyname('echo.test'), P)); s.sendall(b'plain'); return s.getpeername()[0].startswith('198.18.'), s.recv(5).decode(), s.gettimeout()
            def inside():
                c = socket.create_connection(('{{own}}', P), 10); a = server.accept()[0]; a.sendall(b'inside'); return c.recv(6).decode()
            def serve():
                s = socket.socket({{family}})
                if {{(isReusing ? "True" : "False")}}: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(('{{address}}', P)); s.listen(); return s
            """;
        // The endpoint first, and a connection to it that stays; then the server; then both, in turn; and the server first in a second run.
        AgentRunResult result = await host.RunAsync(
            [$"echo.test:{server.Port}"],
            script
                + """

                first, kept = outside()
                server = serve()
                print(first, inside(), outside()[0], waiting(), plain(), inside())
                kept.sendall(b'kept'); print(kept.recv(4).decode())
                """,
            Token
        );
        string expected = "outside inside outside (True, 'waiting') (True, 'plain', None) inside";
        CollectionAssert.AreEqual(new[] { expected, "kept" }, host.Lines.ToArray(), string.Join('\n', host.Lines));
        AssertVerdict(Verdict.Passed, 0, result);
        using EgressHost second = new();
        AgentRunResult other = await second.RunAsync(
            [$"echo.test:{server.Port}"],
            script + "\nserver = serve(); print(inside(), outside()[0], inside())\nserver.close(); print(outside()[0])",
            Token
        );
        CollectionAssert.AreEqual(new[] { "inside outside inside", "outside" }, second.Lines.ToArray(), string.Join('\n', second.Lines));
        AssertVerdict(Verdict.Passed, 0, other);
    }
}
