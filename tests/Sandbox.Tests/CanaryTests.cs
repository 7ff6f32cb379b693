using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.LifecycleTests;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>What the probes say that nothing else shows.</summary>
[TestClass]
public sealed class CanaryTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ProcessLimit_IsSeenToBeTheSandboxesOwn()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("true", Token));
        Assert.AreEqual("in force, and counts this sandbox", host.Events.OfType<SandboxVerified>().Single().Probes.Single(probe => probe.Label == "Process limit").Value);
    }
}
