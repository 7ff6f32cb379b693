using System.Globalization;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>R6: an engine that dies, is restarted or hangs in the middle of a run.</summary>
[TestClass]
public sealed class EngineDeathTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string LongAgent =
        "trap 'echo late > /output/late; exit 0' TERM; echo early > /output/early; echo begun; sleep 600 & wait";

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "C3-5")]
    [TestProperty("Case", "C3-6")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DataRow("KILL")]
    [DataRow("TERM")]
    public async Task EngineEnds_OverTheSocket_IsAnEngineErrorAndWhatWasCollectedStays(string signal)
    {
        await using PrivateEngine engine = await PrivateEngine.StartAsync(Token);
        using SandboxHost host = Host(engine, TransportKind.Socket);
        Task<AgentRunResult> running = host.RunAsync(LongAgent, Token, ("timeout_seconds", "600"));
        await host.WhenLineAsync("begun");
        int[] processes = Processes(engine);
        await engine.EndAsync(signal, Token);
        AgentRunResult result = await running;
        context.WriteLine(
            $"{result.Duration} {string.Join('\n', result.Diagnostics)} {string.Join('\n', result.Artifacts.Select(a => a.Name))}"
        );
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        CollectionAssert.AreEquivalent(new[] { "early", "late" }, result.Artifacts.Select(artifact => artifact.Name).ToArray());
        await WhenEndedAsync(processes);
        await AssertSweptAfterARestartAsync(engine, result.SessionId);
    }

    [TestMethod]
    [TestProperty("Case", "C3-5")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task EngineIsKilled_OverTheAttachedStreams_IsAnEngineErrorAtOnceAndTheAgentEnds()
    {
        await using PrivateEngine engine = await PrivateEngine.StartAsync(Token);
        using SandboxHost host = Host(engine, TransportKind.Attach);
        Task<AgentRunResult> running = host.RunAsync(LongAgent, Token, ("timeout_seconds", "600"));
        await host.WhenLineAsync("begun");
        int[] processes = Processes(engine);
        await engine.EndAsync("KILL", Token);
        AgentRunResult result = await running;
        context.WriteLine($"{result.Duration} {string.Join('\n', result.Diagnostics)}");
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        await WhenEndedAsync(processes);
        await AssertSweptAfterARestartAsync(engine, result.SessionId);
    }

    // The engine removes what it was told to remove by itself when it starts again, running or not: a run cannot outlive that, and must say
    // so.
    [TestMethod]
    [TestProperty("Case", "C3-6")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task EngineIsRestartedAndKeepsItsContainers_IsAnEngineErrorAndNothingIsLeft()
    {
        await using PrivateEngine engine = await PrivateEngine.StartAsync(Token, null, "--live-restore");
        using SandboxHost host = Host(engine, TransportKind.Socket);
        Task<AgentRunResult> running = host.RunAsync(LongAgent, Token, ("timeout_seconds", "600"));
        await host.WhenLineAsync("begun");
        int[] processes = Processes(engine);
        await engine.EndAsync("TERM", Token);
        await engine.StartAsync(Token);
        AgentRunResult result = await running;
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        await WhenEndedAsync(processes);
        await WhenRemovedAsync(engine, result.SessionId);
    }

    [TestMethod]
    [TestProperty("Case", "C3-8")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task EngineIsFrozen_TheRunGoesOnAndEndsByItsLimit()
    {
        await using PrivateEngine engine = await PrivateEngine.StartAsync(Token);
        using SandboxHost host = Host(engine, TransportKind.Socket);
        Task<AgentRunResult> running = host.RunAsync("echo begun; sleep 600", Token, ("timeout_seconds", "4"));
        await host.WhenLineAsync("begun");
        await engine.SignalAsync("STOP", Token);
        AgentRunResult result = await running;
        AssertVerdict(Verdict.Timeout, 124, result, DiagnosticTable.Timeout);
        Assert.IsGreaterThan(1, host.Events.OfType<ResourceUsage>().Count());
        Assert.IsLessThan(TimeSpan.FromSeconds(30), result.Duration);
        await engine.SignalAsync("CONT", Token);
        await WhenRemovedAsync(engine, result.SessionId);
    }

    [TestMethod]
    [TestProperty("Case", "C3-7")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DataRow("containerd-shim", TransportKind.Socket)]
    [DataRow("containerd-shim", TransportKind.Attach)]
    [DataRow("containerd.toml", TransportKind.Socket)]
    public async Task PartOfTheEngineIsKilled_EndsInTimeAndNeverHangs(string part, TransportKind transport)
    {
        await using PrivateEngine engine = await PrivateEngine.StartAsync(Token);
        using SandboxHost host = Host(engine, transport);
        Task<AgentRunResult> running = host.RunAsync("echo begun; sleep 3; echo done", Token, ("timeout_seconds", "20"));
        await host.WhenLineAsync("begun");
        int killed = Assert.ContainsSingle(engine.ProcessesNaming(part));
        await HostProgram.RunAsync("kill", ["-KILL", killed.ToString(CultureInfo.InvariantCulture)], Token);
        AgentRunResult result = await running;
        context.WriteLine($"{result.Verdict} {result.Duration} {string.Join('\n', result.Diagnostics)}");
        Assert.IsLessThan(TimeSpan.FromSeconds(40), result.Duration);
        if (result.Verdict == Verdict.Passed)
        {
            Assert.AreEqual("done", host.Lines[^1]);
        }
        else
        {
            AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        }
    }

    private static SandboxHost Host(PrivateEngine engine, TransportKind transport)
    {
        SandboxHost host = new() { Transport = transport };
        host.Environment["DOCKER_HOST"] = engine.Address;
        return host;
    }

    // The container's processes: children of the engine's shim.
    private static int[] Processes(PrivateEngine engine)
    {
        int shim = Assert.ContainsSingle(engine.ProcessesNaming("containerd-shim"));
        int[] below = [.. Below(shim)];
        Assert.IsGreaterThan(1, below.Length);
        return below;
    }

    private static IEnumerable<int> Below(int processId)
    {
        foreach (string task in Directory.GetDirectories($"/proc/{processId}/task"))
        {
            foreach (string child in File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                int id = int.Parse(child, CultureInfo.InvariantCulture);
                yield return id;
                foreach (int deeper in Below(id))
                {
                    yield return deeper;
                }
            }
        }
    }

    private async Task WhenEndedAsync(int[] processes)
    {
        foreach (int id in processes)
        {
            try
            {
                using System.Diagnostics.Process process = System.Diagnostics.Process.GetProcessById(id);
                await process.WaitForExitAsync(Token).WaitAsync(TimeSpan.FromSeconds(25), Token);
            }
            catch (ArgumentException)
            {
                // It has ended.
            }
        }
    }

    private async Task WhenRemovedAsync(PrivateEngine engine, string sessionId)
    {
        string container = await ContainersAsync(engine, sessionId);
        if (container.Length > 0)
        {
            try
            {
                await engine.AskAsync(Token, "wait", "--", container);
            }
            catch (InvalidOperationException)
            {
                // It has gone before it was asked for.
            }
        }
    }

    private Task<string> ContainersAsync(PrivateEngine engine, string sessionId) =>
        engine.AskAsync(Token, "ps", "-aq", "--filter", $"label=dev.isolated-agents.session={sessionId}");

    // The engine removes what ended while it was away, or a sweep does.
    private async Task AssertSweptAfterARestartAsync(PrivateEngine engine, string sessionId)
    {
        await engine.StartAsync(Token);
        using Engines.IContainerEngine connected = await Engines.Docker.DockerEngine.ConnectAsync(
            new Uri(engine.Address),
            TimeSpan.FromSeconds(10),
            Token
        );
        await CleanUp.EngineSweep.RunAsync(connected, onlyLook: false, Token);
        Assert.AreEqual("", await ContainersAsync(engine, sessionId));
    }
}
