using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>What an agent prints: all of it up to the bound, and none of it believed.</summary>
[TestClass]
public sealed class AgentOutputTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "F5")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task Flood_IsCutCountedAndOtherEventsStillFlow()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            "yes",
            Token,
            ("timeout_seconds", "5"),
            ("max_log_bytes", "1000000"),
            ("resource_monitor_interval", "0.5")
        );
        AssertVerdict(Verdict.Timeout, 124, result, "IA4001");
        TelemetrySuppressed suppressed = Assert.ContainsSingle(
            host.Events.OfType<TelemetrySuppressed>().Where(told => told.Event == "agent.output")
        );
        Assert.IsGreaterThan(10_000_000, suppressed.Count);
        Assert.HasCount(500_000, host.Lines);
        // A busy machine takes fewer samples than were asked for.
        Assert.IsGreaterThan(1, host.Events.OfType<ResourceUsage>().Count());
    }

    [TestMethod]
    [TestProperty("Case", "R11")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task OneVeryLongLine_LosesNothingUpToTheBound()
    {
        const int Length = 40_000_000;
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunPuppetAsync($"oneline {Length}", Token));
        AgentOutput[] parts = [.. host.Events.OfType<AgentOutput>()];
        Assert.AreEqual(Length, parts.Sum(part => (long)part.Line.Length));
        Assert.IsTrue(parts[..^1].All(part => part.Cut && part.Line.Length <= 16 * 1024));
        Assert.IsFalse(parts[^1].Cut);
    }

    [TestMethod]
    [TestProperty("Case", "R11")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task BinaryAndNoLineBreakAtTheEnd_IsNotLost()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunPuppetAsync("stdout 200000 -- nonewline the end", Token));
        Assert.EndsWith("the end", host.Lines[^1]);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Lines_AHundredThousand_AllCome()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunPuppetAsync("lines 100000", Token));
        CollectionAssert.AreEqual(Enumerable.Range(1, 100_000).Select(number => $"line {number}").ToArray(), host.Lines.ToArray());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task BothStreams_KeepTheirOwnOrder()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunPuppetAsync("both 20000", Token));
        foreach ((OutputStream stream, string word) in new[] { (OutputStream.Standard, "out"), (OutputStream.Error, "err") })
        {
            CollectionAssert.AreEqual(
                Enumerable.Range(1, 20_000).Select(number => $"{word} {number}").ToArray(),
                host.Events.OfType<AgentOutput>().Where(line => line.Stream == stream).Select(line => line.Line).ToArray()
            );
        }
    }

    [TestMethod]
    [TestProperty("Case", "R12")]
    [Timeout(4 * Minute, CooperativeCancellation = true)]
    public async Task VeryShortAgent_NeverLosesItsBytes()
    {
        using SandboxHost host = new();
        for (int run = 0; run < 30; run++)
        {
            AssertVerdict(Verdict.Passed, 0, await host.RunAsync($"printf first-{run}; printf last-{run} >&2", Token));
            Assert.Contains($"first-{run}", host.Lines);
            Assert.Contains($"last-{run}", host.Lines);
        }
    }

    [TestMethod]
    [TestProperty("Case", "C6")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SecretSplitOverWrites_IsMasked()
    {
        using SandboxHost host = new();
        host.Environment["API_TOKEN"] = "s3cr3t-7f91c2d8";
        AssertVerdict(
            Verdict.Passed,
            0,
            await host.RunAsync(
                "printf 'before s3cr3t-'; sleep 0.3; printf '7f91c2d8 after\\n'; printf s3cr3t-7f91c2d8 | base64",
                Token,
                ("sensitive_env_vars", "API_TOKEN")
            )
        );
        Assert.Contains("before *** after", host.Lines);
        Assert.DoesNotContain(line => line.Contains("czNjcjN0", StringComparison.Ordinal), host.Lines);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Figures_CpuAndMemory_AreTheAgents()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync(
            "memory 64 2",
            Token,
            ("resource_monitor_interval", "0.3"),
            ("memory_mb", "100"),
            ("memory_threshold_percent", "50")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.Contains(usage => usage.MemoryUsed > 64 * 1024 * 1024, host.Events.OfType<ResourceUsage>());
        Assert.IsNotEmpty(host.Events.OfType<ResourceMemoryHigh>().ToArray());
        Assert.Contains(diagnostic => diagnostic.Code == "IA4002", result.Diagnostics);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Figures_BusyAgent_RaisesTheCpuWarning()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            "while :; do :; done",
            Token,
            ("timeout_seconds", "3"),
            ("cpu_cores", "0.1"),
            // Far below its share: on a busy machine the agent leaves 90 % and comes back, which is another warning.
            ("cpu_threshold_percent", "20"),
            ("resource_monitor_interval", "1"),
            ("fail_on", "exit_code")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.ContainsSingle(host.Events.OfType<ResourceCpuHigh>());
        CollectionAssert.IsSubsetOf(new[] { "IA4001", "IA4005" }, result.Diagnostics.Select(diagnostic => diagnostic.Code).ToArray());
    }
}
