using IsolatedAgents.Audit;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

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
        AgentRunRequest request = host.Request(
            "echo $API_TOKEN; exit 3",
            SandboxHost.BusyboxImage,
            ("sensitive_env_vars", "API_TOKEN"),
            ("telemetry_enabled", "false")
        ) with
        {
            AuditLog = path,
        };
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
    [DataRow(DeliveryKind.Mount)]
    [DataRow(DeliveryKind.Copy)]
    public async Task Run_AuditLogInTheWorkspace_RunsAndIsSealed(DeliveryKind delivery)
    {
        using SandboxHost host = new() { Delivery = delivery };
        string path = Path.Combine(host.Workspace, "audit.jsonl");
        await host.RunAsync(host.Request("true") with { AuditLog = path }, Token);
        AgentRunResult result = await host.RunAsync(host.Request("ls /workspace") with { AuditLog = path }, Token);
        AssertVerdict(Verdict.Passed, 0, result);
        using FileStream log = File.OpenRead(path);
        Assert.AreEqual(AuditStatus.Sealed, AuditVerifier.Verify(log, result.AuditHead).Status);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_AuditLogInAWritableWorkspace_IsRefusedWithThatReason()
    {
        using SandboxHost host = new();
        Directory.CreateSymbolicLink(Path.Combine(host.Root, "way-in"), host.Workspace);
        foreach (
            string path in new[] { Path.Combine(host.Workspace, "a", "audit.jsonl"), Path.Combine(host.Root, "way-in", "audit.jsonl") }
        )
        {
            AgentRunResult result = await host.RunAsync(
                host.Request("true", SandboxHost.BusyboxImage, ("filesystem.workspace", "write")) with
                {
                    AuditLog = path,
                },
                Token
            );
            AssertVerdict(Verdict.ConfigurationError, 2, result, DiagnosticTable.Parameters);
            Assert.Contains("which the agent may change (filesystem.workspace: write)", Assert.ContainsSingle(result.Diagnostics).Message);
        }

        Assert.IsEmpty(Directory.EnumerateFileSystemEntries(host.Workspace));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_AuditLogCutWhileItRuns_EndsTheAgentAndNeverPasses()
    {
        using SandboxHost host = new();
        string path = Path.Combine(host.Root, "audit.jsonl");
        AgentRunRequest request = host.Request(
            "echo begun; while sleep 0.1; do echo on; done",
            SandboxHost.BusyboxImage,
            ("timeout_seconds", "60")
        ) with
        {
            AuditLog = path,
        };
        Task<AgentRunResult> running = host.RunAsync(request, Token);
        await host.WhenLineAsync("begun");
        using System.Diagnostics.Process cut = System.Diagnostics.Process.Start("truncate", ["-s", "0", path]);
        AgentRunResult result = await running;
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.Contains("changed its length", Assert.ContainsSingle(result.Diagnostics).Message);
        Assert.IsLessThan(TimeSpan.FromSeconds(40), result.Duration);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
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
        AgentRunRequest request = host.Request("yes 0123456789", SandboxHost.BusyboxImage, ("timeout_seconds", "60")) with
        {
            AuditLog = Path.Combine(disk, "audit.jsonl"),
        };
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.IsLessThan(TimeSpan.FromSeconds(40), result.Duration);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    // C3 47: whatever a run leaves on disk, with all that hides a secret taken off, holds it nowhere.
    [TestMethod]
    [TestProperty("Case", "C6")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SecretInEveryDisguise_IsInNothingThatARunLeaves()
    {
        const string Secret = "s3cr3t-7f91c2d8";
        const string Prints =
            "echo $T; echo $T >&2; printf %.4s $T; sleep 0.1; printf %s $T | cut -c5-; printf %s $T | base64; printf x%s $T | base64; printf xy%s $T | base64; "
            + "printf %s $T | od -An -tx1; printf %s $T | hexdump -C | cut -c1-58; printf '%s\\n' $T | sed 's/./&\\x1b[1m/g'; printf %s $T | od -An -v -tx1 | sed 's/ /%/g'; "
            + "printf %s $T | cut -c1-8; printf %s $T | cut -c9-; echo 1 > /output/$T; ln -s /etc/passwd /output/link-$T; exit 3";
        using SandboxHost host = new();
        host.Environment["T"] = Secret;
        string audit = Path.Combine(host.Root, "audit.jsonl");
        AgentRunRequest request = host.Request(Prints, SandboxHost.BusyboxImage, ("sensitive_env_vars", "T")) with
        {
            Command = Prints + $"; : {Secret}",
            AuditLog = audit,
            ReportDirectory = Path.Combine(host.Root, "report"),
        };
        AgentRunResult result = await host.RunAsync(request, Token);
        Assert.AreEqual(3, result.AgentExitCode);
        string all = string.Join(
            '\n',
            [
                await File.ReadAllTextAsync(audit, Token),
                await File.ReadAllTextAsync(result.ReportFile!, Token),
                .. host.Lines,
                .. result.Diagnostics.Select(diagnostic => diagnostic.ToString()),
                .. result.Violations.Select(violation => violation.ToString()),
            ]
        );
        string bare = all.Replace("\\u001b[1m", "", StringComparison.OrdinalIgnoreCase).Replace("\u001b[1m", "", StringComparison.Ordinal);
        string digits = string.Concat(bare.Where(char.IsAsciiHexDigit));
        Assert.DoesNotContain(Secret, bare);
        Assert.DoesNotContain(Secret[..8], bare);
        Assert.DoesNotContain(Secret[8..], bare);
        Assert.DoesNotContain(Convert.ToHexStringLower(System.Text.Encoding.UTF8.GetBytes(Secret)), digits);
        for (int phase = 0; phase < 3; phase++)
        {
            Assert.DoesNotContain(Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(new string('x', phase) + Secret))[4..16], bare);
        }
    }
}
