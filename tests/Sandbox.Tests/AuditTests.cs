using IsolatedAgents.Audit;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.LifecycleTests;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>The audit log of real runs.</summary>
[TestClass]
public sealed class AuditTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_WithAuditLog_IsSealedWithItsVerdictAndHoldsNoSecret()
    {
        using SandboxHost host = new();
        host.Environment["API_TOKEN"] = "s3cr3t-7f91c2d8";
        string path = Path.Combine(host.Root, "audit", "log.jsonl");
        AgentRunRequest request = host.Request("echo $API_TOKEN; exit 3", SandboxHost.BusyboxImage, ("sensitive_env_vars", "API_TOKEN"), ("telemetry_enabled", "false")) with { AuditLog = path };
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.AgentFailed, 1, result, DiagnosticTable.AgentExitCode);
        Assert.IsEmpty(host.Events, "telemetry is off, and the audit log is not");
        using FileStream log = File.OpenRead(path);
        AuditVerification verification = AuditVerifier.Verify(log, result.AuditHead);
        Assert.AreEqual(AuditStatus.Sealed, verification.Status, verification.Message);
        string text = await File.ReadAllTextAsync(path, Token);
        Assert.Contains("\"isolated_agents.verdict\":\"agent_failed\"", text);
        Assert.Contains("\"event.name\":\"agent.output\"", text);
        Assert.DoesNotContain("s3cr3t-7f91c2d8", text);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_AuditLogCannotBeWritten_FailsBeforeAnythingRuns()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(host.Request("true") with { AuditLog = "/proc/audit.jsonl" }, Token);
        AssertVerdict(Verdict.ConfigurationError, 2, result, DiagnosticTable.Parameters);
        Assert.AreEqual("", await DockerCli.ContainersOfAsync(result.SessionId, Token));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_AuditDiskFillsUp_EndsTheAgentAndNeverPasses()
    {
        using SandboxHost host = new();
        string disk = Directory.CreateDirectory(Path.Combine(host.Root, "disk")).FullName;
        using SmallDisk mounted = await SmallDisk.MountAsync(disk, "256k", Token);
        AgentRunRequest request = host.Request("yes 0123456789", SandboxHost.BusyboxImage, ("timeout_seconds", "60")) with { AuditLog = Path.Combine(disk, "audit.jsonl") };
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.IsLessThan(TimeSpan.FromSeconds(20), result.Duration);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }
}
