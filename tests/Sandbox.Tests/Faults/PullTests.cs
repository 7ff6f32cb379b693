using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Faults.ScriptedRegistry;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>R6: registries that refuse, fail, lie or fall silent.</summary>
[TestClass]
public sealed class PullTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string OtherProcessor =
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.list.v2+json\",\"manifests\":[{\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\",\"size\":500,"
        + "\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000001\",\"platform\":{\"architecture\":\"s390x\",\"os\":\"linux\"}}]}";

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "C3-34")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow(
        "404 Not Found",
        "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}",
        "The registry has no such image",
        1
    )]
    [DataRow(
        "401 Unauthorized",
        "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\"}]}",
        "The registry asks for credentials",
        1
    )]
    [DataRow(
        "403 Forbidden",
        "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"requested access to the resource is denied\"}]}",
        "does not give it to this user",
        1
    )]
    [DataRow("500 Internal Server Error", "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"disk on fire\"}]}", "It was tried 3 times", 3)]
    public async Task RegistryRefuses_SaysWhichAndAsksAgainOnlyWhereThatCanHelp(string status, string body, string told, int attempts)
    {
        using ScriptedRegistry registry = new(line =>
            line.Contains("/manifests/", StringComparison.Ordinal)
                ? Reply(status, "application/json", body)
                : Reply("200 OK", "application/json", "{}")
        );
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(host.Request("true", $"{registry.Address}/tests/image:1"), Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.Image);
        Assert.Contains(told, result.Diagnostics[0].Message);
        Assert.AreEqual(
            attempts - 1,
            host.Events.OfType<ContainerProvisioning>().Count(raised => raised.Status.StartsWith("Pulling again", StringComparison.Ordinal))
        );
        Assert.IsGreaterThanOrEqualTo(attempts, registry.Manifests);
    }

    [TestMethod]
    [TestProperty("Case", "C3-34")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ImageForAnotherProcessor_SaysSo()
    {
        using ScriptedRegistry registry = new(line =>
            line.Contains("/manifests/", StringComparison.Ordinal)
                ? Reply("200 OK", "application/vnd.docker.distribution.manifest.list.v2+json", OtherProcessor)
                : Reply("200 OK", "application/json", "{}")
        );
        await AssertToldAsync(registry, "tests/image:1", "It is not made for this machine's processor");
    }

    [TestMethod]
    [TestProperty("Case", "C3-34")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task RegistrySendsSomethingElse_SaysSo()
    {
        using ScriptedRegistry registry = new(line =>
            line.Contains("/manifests/", StringComparison.Ordinal)
                ? Reply("200 OK", "application/vnd.docker.distribution.manifest.list.v2+json", OtherProcessor)
                : Reply("200 OK", "application/json", "{}")
        );
        await AssertToldAsync(
            registry,
            "tests/image@sha256:1111111111111111111111111111111111111111111111111111111111111111",
            "is not what it announced"
        );
    }

    [TestMethod]
    [TestProperty("Case", "C3-34")]
    [Timeout(3 * Minute, CooperativeCancellation = true)]
    public async Task RegistryFallsSilent_EndsByItsDeadline()
    {
        using ScriptedRegistry registry = new(line =>
            line.Contains("/manifests/", StringComparison.Ordinal) ? null : Reply("200 OK", "application/json", "{}")
        );
        await AssertToldAsync(registry, "tests/image:1", "nothing came from its registry for 60 seconds");
    }

    private async Task AssertToldAsync(ScriptedRegistry registry, string image, string told)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(host.Request("true", $"{registry.Address}/{image}"), Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.Image);
        Assert.Contains(told, result.Diagnostics[0].Message);
        Assert.AreEqual("", await DockerCli.ContainersOfAsync(result.SessionId, Token));
    }
}
