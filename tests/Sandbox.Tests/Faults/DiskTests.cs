using System.Globalization;
using IsolatedAgents.Audit;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>R6: disks that are full, go away or are somebody else's.</summary>
[TestClass]
public sealed class DiskTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "C3-17")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task OutputDiskIsFull_IsAnEngineErrorAndLeavesNothingPartial()
    {
        using SandboxHost host = new();
        string disk = Directory.CreateDirectory(Path.Combine(host.Root, "disk")).FullName;
        using SmallDisk mounted = await SmallDisk.MountAsync(disk, "1m", Token);
        string audit = Path.Combine(host.Root, "audit.jsonl");
        AgentRunRequest request = host.Request("echo first > /output/a; head -c 3000000 /dev/zero > /output/b") with
        {
            OutputDirectory = Path.Combine(disk, "out"),
            AuditLog = audit,
        };
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        Assert.Contains("No space left on device", result.Diagnostics[0].Message);
        Assert.Contains(disk, result.Diagnostics[0].Message);
        Assert.IsEmpty(Directory.GetFileSystemEntries(disk));
        await AssertSealedAsync(audit, result, "engine_error");
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "C3-17")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ReportDiskIsFull_IsToldAndTheVerdictHolds()
    {
        using SandboxHost host = new();
        string disk = Directory.CreateDirectory(Path.Combine(host.Root, "disk")).FullName;
        using SmallDisk mounted = await SmallDisk.MountAsync(disk, "128k", Token);
        AgentRunResult result = await host.RunAsync(
            host.Request("seq 1 5000; exit 3") with
            {
                ReportDirectory = Path.Combine(disk, "report"),
            },
            Token
        );
        AssertVerdict(Verdict.AgentFailed, 1, result, DiagnosticTable.AgentExitCode);
        Assert.Contains(
            suppressed => suppressed.Reason!.Contains("No space left on device", StringComparison.Ordinal),
            host.Events.OfType<TelemetrySuppressed>()
        );
        Assert.Contains(diagnostic => diagnostic.Code == DiagnosticTable.TelemetrySuppressed, result.Diagnostics);
    }

    [TestMethod]
    [TestProperty("Case", "C3-18")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task EngineDiskIsFull_IsAnEngineErrorThatNamesIt()
    {
        await using PrivateEngine engine = await PrivateEngine.StartAsync(Token, "48m");
        using SandboxHost host = new();
        host.Environment["DOCKER_HOST"] = engine.Address;
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("true", Token));
        await engine.WhenNoneIsLeftAsync(Token);
        string root = await engine.AskAsync(Token, "info", "--format", "{{.DockerRootDir}}");
        await using (FileStream filler = new(Path.Combine(root, "filler"), FileMode.CreateNew))
        {
            byte[] block = new byte[64 * 1024];
            Assert.ThrowsExactly<IOException>(() =>
            {
                while (true)
                {
                    filler.Write(block);
                }
            });
        }

        AgentRunResult result = await host.RunAsync("echo ran", Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        Assert.Contains("no space left on device", result.Diagnostics[0].Message);
        Assert.IsEmpty(host.Lines);
        await engine.WhenNoneIsLeftAsync(Token);
    }

    [TestMethod]
    [TestProperty("Case", "C3-39")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("/dev/full")]
    [DataRow("/dev/zero")]
    [DataRow("pipe")]
    [DataRow("folder")]
    public async Task AuditLogThatIsNoFile_FailsBeforeAnythingRuns(string path)
    {
        using SandboxHost host = new();
        await HostProgram.RunAsync("mkfifo", [Path.Combine(host.Root, "pipe")], Token);
        Directory.CreateDirectory(Path.Combine(host.Root, "folder"));
        AgentRunResult result = await host.RunAsync(host.Request("echo ran") with { AuditLog = Path.Combine(host.Root, path) }, Token);
        AssertVerdict(Verdict.ConfigurationError, 2, result, DiagnosticTable.Parameters);
        Assert.IsEmpty(host.Lines);
    }

    [TestMethod]
    [TestProperty("Case", "C3-39")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("delete")]
    [DataRow("rotate")]
    [DataRow("replace")]
    public async Task AuditLogIsTakenAway_NeverPasses(string how)
    {
        using SandboxHost host = new();
        string path = Path.Combine(host.Root, "audit.jsonl");
        Task<AgentRunResult> running = host.RunAsync(
            host.Request("echo begun; while [ ! -e /workspace/go ]; do sleep 0.1; done") with
            {
                AuditLog = path,
            },
            Token
        );
        await host.WhenLineAsync("begun");
        switch (how)
        {
            case "delete":
                File.Delete(path);
                break;
            case "rotate":
                File.Move(path, path + ".1");
                break;
            default:
                await File.WriteAllTextAsync(path + ".new", "{}\n", Token);
                File.Move(path + ".new", path, overwrite: true);
                break;
        }

        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "go"), "", Token);
        AgentRunResult result = await running;
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.Contains("was deleted or replaced", result.Diagnostics[0].Message);
        if (how == "rotate")
        {
            using FileStream log = File.OpenRead(path + ".1");
            Assert.AreEqual(AuditStatus.Sealed, AuditVerifier.Verify(log, result.AuditHead).Status);
        }
    }

    [TestMethod]
    [TestProperty("Case", "C3-39")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AuditDiskFillsUp_EndsTheRunAndNeverPasses()
    {
        using SandboxHost host = new();
        string disk = Directory.CreateDirectory(Path.Combine(host.Root, "disk")).FullName;
        using SmallDisk mounted = await SmallDisk.MountAsync(disk, "256k", Token);
        string path = Path.Combine(disk, "audit.jsonl");
        AgentRunResult result = await host.RunAsync(host.Request("seq 1 5000; sleep 600") with { AuditLog = path }, Token);
        await AssertBrokenOffAsync(path, result, "No space left on device");
    }

    // The file system goes away under the open file, as a network's may.
    [TestMethod]
    [TestProperty("Case", "C3-39")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AuditDiskGoesAway_EndsTheRunAndNeverPasses()
    {
        using SandboxHost host = new();
        await using ServedDisk disk = await ServedDisk.MountAsync(host.Root, Token);
        string path = Path.Combine(disk.Shown, "audit.jsonl");
        Task<AgentRunResult> running = host.RunAsync(
            host.Request("echo begun; while [ ! -e /workspace/go ]; do sleep 0.1; done; echo more; sleep 600") with
            {
                AuditLog = path,
            },
            Token
        );
        await host.WhenLineAsync("begun");
        await disk.SignalAsync("KILL");
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "go"), "", Token);
        await AssertBrokenOffAsync(Path.Combine(disk.Real, "audit.jsonl"), await running, path);
    }

    // What the kernel does when it finds a disk's structures broken: from one write to the next nothing can be written any more.
    [TestMethod]
    [TestProperty("Case", "C3-39")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AuditDiskBecomesReadOnly_EndsTheRunAndNeverPasses()
    {
        using SandboxHost host = new();
        await using LoopDisk disk = await LoopDisk.MountAsync(host.Root, Token);
        string path = Path.Combine(disk.Path, "audit.jsonl");
        Task<AgentRunResult> running = host.RunAsync(
            host.Request("echo begun; while [ ! -e /workspace/go ]; do sleep 0.1; done; echo more; sleep 600") with
            {
                AuditLog = path,
            },
            Token
        );
        await host.WhenLineAsync("begun");
        await disk.FailAsync(Token);
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "go"), "", Token);
        await AssertBrokenOffAsync(path, await running, "Read-only file system");
    }

    // A disk that stands still holds the agent up, and never what ends it.
    [TestMethod]
    [TestProperty("Case", "C3-12")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow(false)]
    [DataRow(true)]
    public async Task ReportDiskStandsStill_TheRunCanBeCancelledAllTheSame(bool hasAudit)
    {
        using SandboxHost host = new();
        await using ServedDisk disk = await ServedDisk.MountAsync(host.Root, Token);
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        string audit = Path.Combine(disk.Shown, "audit.jsonl");
        Task<AgentRunResult> running = host.RunAsync(
            host.Request("echo begun; while [ ! -e /workspace/go ]; do sleep 0.1; done; yes | head -c 20000000; sleep 600") with
            {
                ReportDirectory = Path.Combine(disk.Shown, "reports"),
                AuditLog = hasAudit ? audit : null,
            },
            cancel.Token
        );
        await host.WhenLineAsync("begun");
        string container = await host.ContainerIdAsync();
        await disk.StopAsync(Token);
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "go"), "", Token);
        await ServedDisk.WhenTestWaitsAsync(Token);
        long began = TimeProvider.System.GetTimestamp();
        await cancel.CancelAsync();
        AgentRunResult result = await running;
        context.WriteLine($"{TimeProvider.System.GetElapsedTime(began)} {string.Join('\n', result.Diagnostics)}");
        Assert.IsLessThan(TimeSpan.FromSeconds(30), TimeProvider.System.GetElapsedTime(began));
        AssertVerdict(
            hasAudit ? Verdict.EngineError : Verdict.Cancelled,
            hasAudit ? 6 : 130,
            result,
            hasAudit ? DiagnosticTable.IsolationUnavailable : DiagnosticTable.Cancelled
        );
        Assert.IsTrue(
            hasAudit
                || result.Diagnostics.Any(diagnostic =>
                    diagnostic.Code == DiagnosticTable.TelemetrySuppressed
                    && diagnostic.Message.Contains("SessionRecord", StringComparison.Ordinal)
                ),
            string.Join('\n', result.Diagnostics)
        );
        Assert.DoesNotContain(container, await DockerCli.RunAsync(Token, "ps", "-q", "--no-trunc"));
    }

    // What holds an output up holds up neither the caller's cancellation nor, past its deadline, the end of the run.
    [TestMethod]
    [TestProperty("Case", "C3-12")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DataRow("head -c 900000000 /dev/zero > /output/large", "large", false)]
    [DataRow("head -c 900000000 /dev/zero > /output/large", "large", true)]
    [DataRow("for i in $(seq 3000); do echo $i > /output/small$i; done", "small", false)]
    [DataRow("for i in $(seq 3000); do echo $i > /output/small$i; done", "small", true)]
    public async Task OutputDiskStandsStill_TheRunEndsAllTheSame(string agent, string name, bool isCancelled)
    {
        using SandboxHost host = new() { Transport = TransportKind.Socket };
        await using ServedDisk disk = await ServedDisk.MountAsync(host.Root, Token);
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        AgentRunRequest request = host.Request(
            agent,
            SandboxHost.BusyboxImage,
            ("max_output_bytes", "1000000000"),
            ("max_output_files", "5000"),
            ("timeout_seconds", "100")
        ) with
        {
            OutputDirectory = Path.Combine(disk.Shown, "out"),
        };
        using FileSystemWatcher watcher = new(disk.Real) { IncludeSubdirectories = true, NotifyFilter = NotifyFilters.Size };
        TaskCompletionSource copying = new(TaskCreationOptions.RunContinuationsAsynchronously);
        watcher.Changed += (_, change) =>
        {
            if (Path.GetFileName(change.Name!).StartsWith(name, StringComparison.Ordinal))
            {
                copying.TrySetResult();
            }
        };
        watcher.EnableRaisingEvents = true;
        Task<AgentRunResult> running = host.RunAsync(request, cancel.Token);
        Assert.AreSame(copying.Task, await Task.WhenAny(copying.Task, running));
        await disk.StopAsync(Token);
        long began = TimeProvider.System.GetTimestamp();
        if (isCancelled)
        {
            await cancel.CancelAsync();
        }

        AgentRunResult result = await running;
        Assert.IsLessThan(TimeSpan.FromSeconds(isCancelled ? 10 : 40), TimeProvider.System.GetElapsedTime(began));
        AssertVerdict(
            isCancelled ? Verdict.Cancelled : Verdict.EngineError,
            isCancelled ? 130 : 6,
            result,
            isCancelled ? DiagnosticTable.Cancelled : DiagnosticTable.EngineLost
        );
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "C3-43")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AgentWritesAsAnotherUser_OutputsAreTheCallers()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync("id -u; mkdir /output/d; echo 1 > /output/d/f; chmod 000 /output/d", Token);
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreNotEqual("0", host.Lines[0]);
        (int caller, _) = IsolatedAgents.Platform.Files.FileIdentity.Owner(host.Root)!.Value;
        foreach (string entry in Directory.EnumerateFileSystemEntries(host.Output, "*", SearchOption.AllDirectories))
        {
            Assert.AreEqual(caller, IsolatedAgents.Platform.Files.FileIdentity.Owner(entry)!.Value.UserId, entry);
        }
    }

    // A name that is checked and then becomes a link elsewhere: what is mounted is held against what was checked.
    [TestMethod]
    [TestProperty("Case", "C3-44")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow(DeliveryKind.Mount)]
    [DataRow(DeliveryKind.Copy)]
    public async Task WorkspaceBecomesALinkBetweenCheckAndMount_NothingElseIsShown(DeliveryKind delivery)
    {
        using SandboxHost host = new() { Delivery = delivery };
        string other = Directory.CreateDirectory(Path.Combine(host.Root, "other")).FullName;
        await File.WriteAllTextAsync(Path.Combine(other, "stolen"), "other people's", Token);
        using Engine.RewritingEngineProxy proxy = new(host.Root, Engine.EngineCli.DockerSocket, _ =>
        {
            Directory.Delete(host.Workspace);
            Directory.CreateSymbolicLink(host.Workspace, other);
        });
        host.Environment["DOCKER_HOST"] = proxy.Address;
        AgentRunResult result = await host.RunAsync("cat stolen", Token);
        AssertVerdict(
            Verdict.EngineError,
            6,
            result,
            delivery == DeliveryKind.Mount ? DiagnosticTable.IsolationUnavailable : DiagnosticTable.EngineLost
        );
        Assert.Contains("replaced", result.Diagnostics[0].Message);
        Assert.IsEmpty(host.Lines);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    // Power loss: whatever part of the file has reached the disk, what is whole of it verifies, and the missing seal is told.
    [TestMethod]
    [TestProperty("Case", "C3-49")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AuditLogCutAnywhere_IsUnsealedAndItsWholeEntriesHold()
    {
        using SandboxHost host = new();
        string path = Path.Combine(host.Root, "audit.jsonl");
        AgentRunResult result = await host.RunAsync(host.Request("seq 1 20") with { AuditLog = path }, Token);
        AssertVerdict(Verdict.Passed, 0, result);
        byte[] whole = await File.ReadAllBytesAsync(path, Token);
        for (int length = 1; length < whole.Length; length++)
        {
            using MemoryStream cut = new(whole, 0, length);
            AuditVerification verification = AuditVerifier.Verify(cut, expectedHead: null);
            Assert.IsTrue(
                verification.Status is AuditStatus.Unsealed or AuditStatus.Empty
                    || (verification.Status == AuditStatus.Sealed && length == whole.Length - 1),
                string.Create(CultureInfo.InvariantCulture, $"{length} of {whole.Length}: {verification.Status} {verification.Message}")
            );
            cut.Position = 0;
            Assert.AreNotEqual(
                AuditStatus.Sealed,
                length == whole.Length - 1 ? AuditStatus.Unsealed : AuditVerifier.Verify(cut, result.AuditHead).Status
            );
        }
    }

    // The agent was ended for it, and what had been written is whole and says that there is no more.
    private async Task AssertBrokenOffAsync(string path, AgentRunResult result, string told)
    {
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.Contains(told, result.Diagnostics[0].Message);
        Assert.IsLessThan(TimeSpan.FromSeconds(40), result.Duration);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
        using FileStream log = File.OpenRead(path);
        AuditVerification verification = AuditVerifier.Verify(log, expectedHead: null);
        Assert.AreEqual(AuditStatus.Unsealed, verification.Status, verification.Message);
    }

    private static async Task AssertSealedAsync(string path, AgentRunResult result, string verdict)
    {
        await using FileStream log = File.OpenRead(path);
        AuditVerification verification = AuditVerifier.Verify(log, result.AuditHead);
        Assert.AreEqual(AuditStatus.Sealed, verification.Status, verification.Message);
        Assert.Contains($"\"isolated_agents.verdict\":\"{verdict}\"", await File.ReadAllTextAsync(path));
    }
}
