using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>Every verdict, on the real engine.</summary>
[TestClass]
public sealed class LifecycleTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_CommandThatWritesAFile_PassesAndCollectsIt()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync("echo hello; echo oops >&2; echo data > /output/result.txt", Token);
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("data\n", await File.ReadAllTextAsync(Path.Combine(host.Output, "result.txt"), Token));
        Assert.Contains("hello", host.Lines);
        Assert.Contains("oops", host.Lines);
        Artifact artifact = Assert.ContainsSingle(result.Artifacts);
        Assert.AreEqual("6667b2d1aab6a00caa5aee5af8ad9f1465e567abf1c209d15727d57b3e8f6e5f", artifact.Sha256);
        Assert.AreEqual(5, artifact.Size);
    }

    // A program that runs agents may use the engine client's JSON library for its own ends.
    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_Always_LeavesTheJsonSettingsOfItsProcessAlone()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("true", Token));
        Assert.IsNull(Newtonsoft.Json.JsonConvert.DefaultSettings);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_Passed_RaisesEventsInOrderWithoutGaps()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync("echo x > /output/x", Token);
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEqual(
            Enumerable.Range(1, host.Events.Count).Select(number => (long)number).ToArray(),
            host.Events.Select(raised => raised.Sequence).ToArray()
        );
        CollectionAssert.AreEqual(
            new[]
            {
                "session.initializing",
                "policy.validating",
                "container.provisioning",
                "agent.injecting",
                "sandbox.verified",
                "agent.starting",
                "process.started",
                "file.written",
                "resource.usage",
                "agent.completed",
                "output.collecting",
                "output.collected",
                "container.removing",
                "session.completed",
            },
            host.Events.Select(raised => raised.Descriptor.Name).ToArray(),
            string.Join(' ', host.Events.Select(raised => raised.Descriptor.Name))
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_AgentExits3_FailsWithItsCode()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync("exit 3", Token);
        AssertVerdict(Verdict.AgentFailed, 1, result, DiagnosticTable.AgentExitCode);
        Assert.AreEqual(3, result.AgentExitCode);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_AgentDiesOfASignal_FailsWithTheSignal()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync("signal SEGV", Token);
        AssertVerdict(Verdict.AgentFailed, 1, result, DiagnosticTable.AgentSignal);
        Assert.AreEqual(11, result.AgentSignal);
        Assert.IsNull(result.AgentExitCode);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_ExitCodeNotInFailOn_PassesWithAWarning()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync("exit 3", Token, ("fail_on", "timeout|violation"));
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("IA6001", Assert.ContainsSingle(result.Diagnostics).Code);
    }

    [TestMethod]
    [TestProperty("Case", "R2")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task MemoryHog_IsOutOfMemory()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync("memory 400", Token, ("memory_mb", "64"));
        AssertVerdict(Verdict.OutOfMemory, 137, result, DiagnosticTable.OutOfMemory);
        Assert.AreEqual(64L * 1024 * 1024, Assert.ContainsSingle(host.Events.OfType<ResourceOutOfMemory>()).MemoryLimit);
    }

    [TestMethod]
    [TestProperty("Case", "R2")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task OnlyAChildIsKilledForMemory_IsToldAndPasses()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync("child-memory 400", Token, ("memory_mb", "64"));
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("SIGKILL", host.Said("child-memory").GetProperty("child_signal").GetString());
        Assert.Contains(
            raised => raised.Action.Contains("kernel ended 1", StringComparison.Ordinal),
            host.Events.OfType<ResourceMemoryHigh>()
        );
    }

    [TestMethod]
    [TestProperty("Case", "R3")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AgentExits137ByItself_IsNotOutOfMemory()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.AgentFailed, 1, await host.RunAsync("exit 137", Token), DiagnosticTable.AgentExitCode);
    }

    [TestMethod]
    [TestProperty("Case", "R1")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ForkBomb_HitsTheLimitAndIsTold()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync("forkbomb 1000", Token, ("pids_limit", "32"));
        AssertVerdict(Verdict.PidsExhausted, 135, result, DiagnosticTable.ProcessLimit);
        Assert.AreEqual("EAGAIN", host.Said("forkbomb").GetProperty("error").GetString());
        Assert.IsLessThan(32, host.Said("forkbomb").GetProperty("started").GetInt32());
    }

    [TestMethod]
    [TestProperty("Case", "R4")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AgentIgnoresTermAndLeavesADaemon_TimesOutAndNothingIsLeft()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync("daemon 600 -- trap-term 600", Token, ("timeout_seconds", "2"));
        AssertVerdict(Verdict.Timeout, 124, result, DiagnosticTable.Timeout);
        Assert.HasCount(1, host.Events.OfType<TimeoutApproaching>().ToArray());
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_AgentLeavesADaemonAndEnds_EndsAtOnce()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync("daemon 600 -- exit 0", Token);
        AssertVerdict(Verdict.Passed, 0, result);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R8")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AgentReadsItsInput_GetsItsEndAtOnce()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunPuppetAsync("stdin", Token));
        Assert.AreEqual(0, host.Said("stdin").GetProperty("bytes").GetInt32());
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Cancel_EndsTheAgentAndSaysSo()
    {
        using SandboxHost host = new();
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<AgentRunResult> running = host.RunPuppetAsync("trap-term 600", cancel.Token);
        await host.WhenLineAsync("trap-term");
        await cancel.CancelAsync();
        AgentRunResult result = await running;
        AssertVerdict(Verdict.Cancelled, 130, result, DiagnosticTable.Cancelled);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task CancelBeforeTheStart_LeavesNothing()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync("true", new CancellationToken(canceled: true));
        AssertVerdict(Verdict.Cancelled, 130, result, DiagnosticTable.Cancelled);
        Assert.AreEqual("", await DockerCli.ContainersOfAsync(result.SessionId, Token));
    }

    [TestMethod]
    [TestProperty("Case", "R13")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SupervisorIsKilled_IsAnEngineError()
    {
        using SandboxHost host = new();
        Task<AgentRunResult> running = host.RunPuppetAsync("sleep 600", Token);
        await host.WhenLineAsync("sleep");
        string processId = await DockerCli.RunAsync(Token, "inspect", "--format", "{{.State.Pid}}", await host.ContainerIdAsync());
        System.Diagnostics.Process.GetProcessById(int.Parse(processId, System.Globalization.CultureInfo.InvariantCulture)).Kill();
        AgentRunResult result = await running;
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R7")]
    [Timeout(4 * Minute, CooperativeCancellation = true)]
    public async Task FiftyRunsAtOnce_DoNotMix()
    {
        SandboxHost[] hosts = [.. Enumerable.Range(0, 50).Select(_ => new SandboxHost())];
        try
        {
            AgentRunResult[] results = await Task.WhenAll(
                hosts.Select(
                    (host, number) => host.RunAsync($"for i in 1 2 3; do echo run-{number}; done; echo {number} > /output/number", Token)
                )
            );
            for (int number = 0; number < hosts.Length; number++)
            {
                AssertVerdict(Verdict.Passed, 0, results[number]);
                CollectionAssert.AreEqual(Enumerable.Repeat($"run-{number}", 3).ToArray(), hosts[number].Lines.ToArray());
                Assert.AreEqual($"{number}\n", await File.ReadAllTextAsync(Path.Combine(hosts[number].Output, "number"), Token));
            }
        }
        finally
        {
            Array.ForEach(hosts, host => host.Dispose());
        }
    }
}
