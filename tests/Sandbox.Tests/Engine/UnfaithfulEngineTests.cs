using System.Text.Json.Nodes;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Engine;

/// <summary>R9 and R6: an engine that does not do what it was asked, or stops doing it, is never a pass.</summary>
[TestClass]
public sealed class UnfaithfulEngineTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task EngineThatChangesNothing_Passes()
    {
        using SandboxHost host = new();
        using RewritingEngineProxy proxy = Proxy(host, _ => { });
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("echo ran > /output/ran", Token));
        Assert.IsTrue(proxy.CreateAsked.Task.IsCompleted);
    }

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("memory limit", "Memory", "MemorySwap")]
    [DataRow("process limit", "PidsLimit")]
    [DataRow("CPU limit", "NanoCpus")]
    [DataRow("read-only root", "ReadonlyRootfs")]
    public async Task LimitThatTheEngineIgnores_IsAnEngineErrorAndNothingRuns(string control, params string[] keys)
    {
        await AssertRefusedAsync(control, create =>
        {
            JsonObject settings = create["HostConfig"]!.AsObject();
            foreach (string key in keys)
            {
                // An engine's client may write the name in another case than the documentation.
                string written = settings.Select(entry => entry.Key).Single(name => name.Equals(key, StringComparison.OrdinalIgnoreCase));
                settings.Remove(written);
            }
        });
    }

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("empty network", "bridge")]
    [DataRow("empty network", "host")]
    public async Task NetworkThatTheEngineSetsUpAnyway_IsAnEngineErrorAndNothingRuns(string control, string mode) =>
        await AssertRefusedAsync(control, create =>
        {
            create["NetworkDisabled"] = false;
            create["HostConfig"]!["NetworkMode"] = mode;
        });

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task HostProcesses_AreAnEngineErrorAndNothingRuns() =>
        await AssertRefusedAsync("process namespace", create => create["HostConfig"]!["PidMode"] = "host");

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task WritableWorkspace_IsAnEngineErrorAndNothingRuns() => await AssertRefusedAsync("read-only mount", create =>
        {
            foreach (JsonNode? mount in create["HostConfig"]!["Mounts"]!.AsArray())
            {
                mount!["ReadOnly"] = false;
            }
        });

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task FileSystemBelowTheWorkspaceThatStaysWritable_IsAnEngineErrorAndNothingRuns()
    {
        using SandboxHost host = new() { Delivery = DeliveryKind.Mount };
        string below = Directory.CreateDirectory(Path.Combine(host.Workspace, "below")).FullName;
        await HostProgram.RunAsync("mount", ["-t", "tmpfs", "isolated-agents", below], Token);
        try
        {
            AgentRunResult result = await host.RunAsync("echo stolen > below/file", Token);
            AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
            Assert.Contains(
                "The control 'read-only mount' is not in force: '/workspace/below', which is mounted below '/workspace', is writable.",
                result.Diagnostics[0].Message
            );
            Assert.IsFalse(File.Exists(Path.Combine(below, "file")));
        }
        finally
        {
            await HostProgram.RunAsync("umount", ["--lazy", below], CancellationToken.None);
        }
    }

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LimitThatTheEngineRaises_IsAnEngineErrorAndNothingRuns() => await AssertRefusedAsync("memory limit", create =>
        {
            create["HostConfig"]!["Memory"] = 1L << 30;
            create["HostConfig"]!["MemorySwap"] = 1L << 30;
        });

    [TestMethod]
    [TestProperty("Case", "R6")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ConnectionsAreCut_IsAnEngineErrorAndNothingIsLeft()
    {
        using SandboxHost host = new() { Transport = TransportKind.Attach };
        using RewritingEngineProxy proxy = Proxy(host, _ => { });
        Task<AgentRunResult> running = host.RunPuppetAsync("trap-term 600", Token);
        await host.WhenLineAsync("trap-term");
        proxy.Cut();
        AgentRunResult result = await running;
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R6")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("/_ping", DiagnosticTable.NoEngine, "500")]
    [DataRow("/images/", DiagnosticTable.EngineLost, "disk is full.")]
    [DataRow("/containers/create", DiagnosticTable.EngineLost, "disk is full.")]
    [DataRow("/attach", DiagnosticTable.EngineLost, "disk is full.")]
    [DataRow("/start", DiagnosticTable.EngineLost, "disk is full.")]
    public async Task EngineFailsACall_IsAnEngineErrorAndNothingIsLeft(string call, string code, string cause)
    {
        using SandboxHost host = new() { Transport = TransportKind.Attach };
        using RewritingEngineProxy proxy = Proxy(host, _ => { }, call);
        AgentRunResult result = await host.RunAsync("echo ran", Token);
        AssertVerdict(Verdict.EngineError, 6, result, code);
        Assert.Contains(cause, result.Diagnostics[0].Message);
        Assert.AreEqual("", await DockerCli.ContainersOfAsync(result.SessionId, Token));
    }

    // There the profile of system calls is brought first, and no container of the agent's is made without it.
    [TestMethod]
    [TestProperty("Case", "R6")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("/archive", "disk is full.")]
    [DataRow("/containers/create", "disk is full.")]
    public async Task PodmanFailsACall_IsAnEngineErrorAndNothingIsLeft(string call, string cause)
    {
        EngineRequirements.Require(EngineCli.PodmanSocket, EngineRequirements.Podman);
        using SandboxHost host = new() { Transport = TransportKind.Attach, Delivery = DeliveryKind.Copy };
        using RewritingEngineProxy proxy = new(host.Root, EngineCli.PodmanSocket, _ => { }) { Failing = call };
        host.Environment["DOCKER_HOST"] = proxy.Address;
        AgentRunResult result = await host.RunAsync("echo ran", Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        Assert.Contains(cause, result.Diagnostics[0].Message);
        Assert.IsEmpty(host.Lines);
        Assert.AreEqual(
            "",
            await EngineCli.Podman.AskAsync(Token, "ps", "-aq", "--filter", $"label={SandboxLabels.Session}={result.SessionId}")
        );
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task CancelWhileTheContainerIsMade_LeavesNothing()
    {
        using SandboxHost host = new();
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using RewritingEngineProxy proxy = new(host.Root, EngineCli.DockerSocket, _ => { }) { CreateGate = gate.Task };
        host.Environment["DOCKER_HOST"] = proxy.Address;
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<AgentRunResult> running = host.RunAsync("echo ran", cancel.Token);
        await proxy.CreateAsked.Task;
        await cancel.CancelAsync();
        // A slow engine makes the container although nobody wants it any more.
        gate.SetResult();
        AgentRunResult result = await running;
        AssertVerdict(Verdict.Cancelled, 130, result, DiagnosticTable.Cancelled);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
        Assert.IsEmpty(host.Lines);
    }

    internal static RewritingEngineProxy Proxy(SandboxHost host, Action<JsonObject> rewrite, string? failing = null)
    {
        RewritingEngineProxy proxy = new(host.Root, EngineCli.DockerSocket, rewrite) { Failing = failing };
        host.Environment["DOCKER_HOST"] = proxy.Address;
        return proxy;
    }

    private async Task AssertRefusedAsync(string control, Action<JsonObject> rewrite)
    {
        using SandboxHost host = new() { Delivery = DeliveryKind.Mount };
        using RewritingEngineProxy proxy = Proxy(host, rewrite);
        AgentRunResult result = await host.RunAsync("echo ran; echo ran > /output/ran", Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.Contains($"The control '{control}' is not in force: ", result.Diagnostics[0].Message);
        Assert.IsEmpty(host.Events.OfType<AgentStarting>());
        Assert.IsEmpty(host.Lines);
        Assert.IsFalse(Directory.Exists(host.Output));
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }
}
