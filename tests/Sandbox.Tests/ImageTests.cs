using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>Where an image comes from, and what is said of it.</summary>
[TestClass]
public sealed class ImageTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Image_OnlyInARegistry_IsPulledAndItsDigestRecorded()
    {
        using LocalRegistry registry = await LocalRegistry.StartAsync(Token);
        string image = $"{registry.Address}/tests/busybox:pulled";
        await DockerCli.RunAsync(Token, "tag", SandboxHost.BusyboxImage, image);
        try
        {
            string pushed = await DockerCli.RunAsync(Token, "push", image);
            await DockerCli.RunAsync(Token, "rmi", image);
            using SandboxHost host = new();
            AssertVerdict(Verdict.Passed, 0, await host.RunAsync(host.Request("echo pulled", image), Token));
            Assert.Contains("pulled", host.Lines);
            ContainerProvisioning[] provisioning = [.. host.Events.OfType<ContainerProvisioning>()];
            Assert.AreEqual("Pulling", provisioning[0].Status);
            Assert.AreEqual("Running", provisioning[^1].Status);
            Assert.IsTrue(pushed.Contains(provisioning[^1].Digest!, StringComparison.Ordinal), pushed);
        }
        finally
        {
            await DockerCli.RunAsync(CancellationToken.None, "rmi", "--force", image);
        }
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Image_NotInTheRegistry_IsAnEngineErrorThatSaysSo()
    {
        using LocalRegistry registry = await LocalRegistry.StartAsync(Token);
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(host.Request("true", $"{registry.Address}/tests/missing:1"), Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.Image);
        Assert.Contains("tests/missing", result.Diagnostics[0].Message);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Image_WithoutTheProgram_SaysWhatToDo()
    {
        using SandboxHost host = new();
        string agent = Path.Combine(host.Root, "agent.js");
        await File.WriteAllTextAsync(agent, "console.log(1)", Token);
        AgentRunResult result = await host.RunAsync(host.Request("") with { Command = null, Agent = agent }, Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.Image);
        Assert.StartsWith("The program 'node' cannot be started", result.Diagnostics[0].Message);
    }
}
