using System.Text.Json.Nodes;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox.Tests.Engine;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>
/// An engine that gives the supervisor no right over the sandbox's network (NET_ADMIN): names get addresses that need none, and an address
/// of the policy's is refused.
/// </summary>
[TestClass]
public sealed class RefusedRightTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [DataRow(EngineCli.DockerSocket)]
    [DataRow(EngineCli.PodmanSocket)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Names_AreReachedAndWatchedAsEver(string engine)
    {
        EngineRequirements.Require(engine, engine == EngineCli.DockerSocket ? EngineRequirements.Docker : EngineRequirements.Podman);
        using HostServer server = new(HostServer.EchoAsync);
        using EgressHost host = new();
        using RewritingEngineProxy proxy = Refusing(host, engine);
        AgentRunResult result = await host.RunAsync(
            [$"echo.test:{server.Port}", $"*.wild.test:{server.Port}"],
            $$"""
            import socket
            for name in ('echo.test', 'a.wild.test'):
                s = socket.create_connection((name, {{server.Port}}), 10); peer = s.getpeername()[0]; s.sendall(name.encode()); s.shutdown(socket.SHUT_WR); print(s.makefile().read(), peer)
            for destination in (('echo.test', 81), ('127.83.77.7', 443), ('1.1.1.1', 443), ('evil.test', 443)):
                try: socket.create_connection(destination, 10); print('reached')
                except OSError as e: print(type(e).__name__)
            own = socket.create_server(('127.0.0.1', {{server.Port}})); c = socket.create_connection(own.getsockname()); own.accept()[0].sendall(b'own'); print(c.recv(3).decode())
            every = socket.create_server(('0.0.0.0', 8999)); c = socket.create_connection(('127.0.0.1', 8999)); every.accept()[0].sendall(b'own'); print(c.recv(3).decode())
            """,
            Token
        );
        string[] expected =
        [
            "echo.test 127.83.0.1",
            "a.wild.test 127.83.0.2",
            "ConnectionRefusedError",
            "ConnectionRefusedError",
            "ConnectionRefusedError",
            "gaierror",
            "own",
            "own",
        ];
        CollectionAssert.AreEqual(
            expected,
            host.Lines.ToArray(),
            string.Join('\n', host.Lines.Concat(result.Diagnostics.Select(diagnostic => diagnostic.Message)))
        );
        CollectionAssert.AreEquivalent(new[] { "echo.test:81", "127.83.77.7:443", "1.1.1.1:443", "evil.test" }, host.Blocked.ToArray());
        Assert.AreEqual(Verdict.PolicyViolation, result.Verdict);
        Assert.StartsWith(
            "127.83.255.254, ",
            host.Sandbox.Events.OfType<SandboxVerified>()
                .Single()
                .Probes.Single(probe => probe.Label == "Watched connection to no name")
                .Value
        );
    }

    [TestMethod]
    [DataRow("192.0.2.7:443", "192.0.2.7")]
    [DataRow("10.1.0.0/16", "10.1.0.0/16")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AddressOfThePolicy_IsAnEngineErrorAndNothingRuns(string endpoint, string named)
    {
        using EgressHost host = new();
        using RewritingEngineProxy proxy = Refusing(host, EngineCli.DockerSocket);
        AgentRunResult result = await host.RunStrictAsync(["allowed.test", endpoint], "print('ran')", Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.Contains(
            $"{named} cannot be given to the loopback interface, since the engine refuses the capability NET_ADMIN",
            result.Diagnostics[0].Message
        );
        Assert.IsEmpty(host.Lines);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LookupsThatTheImageSendsElsewhere_AreAnEngineErrorAndNothingRuns()
    {
        using EgressHost host = new();
        using RewritingEngineProxy proxy = Refusing(host, EngineCli.DockerSocket, "nameserver 10.0.0.53\nnameserver 10.0.0.54\n");
        AgentRunResult result = await host.RunStrictAsync(["allowed.test"], "print('ran')", Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.Contains(
            "the image's resolv.conf sends them to 10.0.0.53, which cannot be given to the loopback interface",
            result.Diagnostics[0].Message
        );
        Assert.IsEmpty(host.Lines);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LookupsThatTheImageSendsToLoopbackToo_AreAnsweredThere()
    {
        using EgressHost host = new();
        using RewritingEngineProxy proxy = Refusing(host, EngineCli.DockerSocket, "nameserver 127.0.0.53\nnameserver 10.0.0.53\n");
        AgentRunResult result = await host.RunAsync(["allowed.test"], "import socket; print(socket.gethostbyname('allowed.test'))", Token);
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("127.83.0.1", host.Lines.Single());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task WithoutEndpoints_NothingIsMissed()
    {
        using EgressHost host = new();
        using RewritingEngineProxy proxy = Refusing(host, EngineCli.DockerSocket);
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync(host.Sandbox.Request("true"), Token));
    }

    /// <param name="host">Whose runs go through it.</param>
    /// <param name="engine">The real engine's socket.</param>
    /// <param name="resolver">What the sandbox's resolv.conf holds; null for what the image has.</param>
    private static RewritingEngineProxy Refusing(EgressHost host, string engine, string? resolver = null)
    {
        string file = Path.Combine(host.Sandbox.Root, "resolv.conf");
        if (resolver is not null)
        {
            File.WriteAllText(file, resolver);
        }

        RewritingEngineProxy proxy = new(host.Sandbox.Root, engine, create =>
        {
            JsonObject settings = create["HostConfig"]!.AsObject();
            if (settings["CapAdd"] is not JsonArray given)
            {
                // It only holds a file, and never starts.
                return;
            }

            given.Remove(given.Single(capability => (string?)capability == "NET_ADMIN"));
            if (resolver is not null)
            {
                settings["Binds"] = new JsonArray([
                    .. settings["Binds"]?.AsArray().Select(bind => bind!.DeepClone()) ?? [],
                    $"{file}:/etc/resolv.conf:ro",
                ]);
            }
        });
        host.Sandbox.Environment["DOCKER_HOST"] = proxy.Address;
        return proxy;
    }
}
