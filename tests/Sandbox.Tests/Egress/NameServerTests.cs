using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>
/// Lookups where the policy allows nothing: what the agent wanted is told by its name, and what every program asks of its own machine is
/// answered.
/// </summary>
[TestClass]
public sealed class NameServerTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LookupWithoutEndpoints_IsToldByNameWithItsProcess()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            """
            import socket
            try: socket.create_connection(('api.example.com', 443))
            except OSError as e: print(type(e).__name__, e.errno)
            """,
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.AreEqual("gaierror -2", host.Lines[0]);
        ViolationNetwork violation = Assert.ContainsSingle(host.Events.OfType<ViolationNetwork>());
        Assert.AreEqual(
            ("api.example.com", 0, "network.allowed_endpoints", "/usr/bin/python3.11"),
            (violation.Host, violation.Port, violation.Rule, violation.Process)
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task HarmlessLookups_AreNoViolationByDefault()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            """
            import socket, os
            print(socket.gethostbyname('localhost'), socket.gethostbyname(socket.gethostname()), socket.gethostbyname('a.localhost'), socket.getfqdn() != '')
            print(sorted({a[4][0] for a in socket.getaddrinfo('localhost', 80)}))
            for address in ('127.0.0.1', '10.1.2.3', '::1'):
                try: socket.gethostbyaddr(address)
                except OSError: pass
            server = socket.create_server(('localhost', 0))
            client = socket.create_connection(('localhost', server.getsockname()[1])); server.accept()[0].sendall(b'own'); print(client.recv(3).decode())
            """,
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("127.0.0.1 127.0.0.1 127.0.0.1 True", host.Lines[0], string.Join('\n', host.Lines));
        Assert.Contains("127.0.0.1", host.Lines[1]);
        Assert.AreEqual("own", host.Lines[2]);
        Assert.IsEmpty(host.Events.OfType<NetworkBlocked>());
    }
}
