using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox.Tests.Engine;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>What the probes say that nothing else shows.</summary>
[TestClass]
public sealed class CanaryTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("docker", EngineCli.DockerSocket, 16)]
    [DataRow("docker", EngineCli.DockerSocket, 256)]
    [DataRow("podman", EngineCli.PodmanSocket, 64)]
    public async Task ProcessLimit_IsFilledUpAndHolds(string engine, string socket, int limit)
    {
        EngineRequirements.Require(socket, engine == "docker" ? EngineRequirements.Docker : EngineRequirements.Podman);
        using SandboxHost host = new();
        host.Environment["DOCKER_HOST"] = $"unix://{socket}";

        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("true", Token, ("pids_limit", $"{limit}")));

        Assert.AreEqual($"process {limit + 1} was refused", Found(host));
        Assert.IsEmpty(host.Events.OfType<ResourcePidsExhausted>(), "The probe is not the agent's.");
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ProcessLimit_TooHighToFill_IsSeenToBeTheSandboxesOwn()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("true", Token, ("pids_limit", "20000")));

        Assert.AreEqual("in force, and counts this sandbox; too high to be filled up", Found(host));
    }

    private static string Found(SandboxHost host) =>
        host.Events.OfType<SandboxVerified>().Single().Probes.Single(probe => probe.Label == "Process limit").Value;
}
