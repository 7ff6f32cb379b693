using System.Diagnostics;
using System.Globalization;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox.Tests.CommandLine;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>
/// Trouble of the process that runs us: suspended, short of descriptors and memory, cancelled at any moment, at odds with the clock.
/// </summary>
[TestClass]
public sealed class HostTroubleTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "C3-5")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task AttachedStreams_LongRun_KeepsItsLease()
    {
        using SandboxHost host = new() { Transport = TransportKind.Attach };
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("sleep 25; echo done", Token, ("timeout_seconds", "60")));
        Assert.AreEqual("done", host.Lines[^1]);
    }

    // Cancelled after a time that differs from run to run, over as long as the first run takes, which is not cancelled: so every phase has
    // its turn, and the same must be true after each.
    [TestMethod]
    [TestProperty("Case", "C3-48")]
    [Timeout(4 * Minute, CooperativeCancellation = true)]
    [DataRow(TransportKind.Socket, DeliveryKind.Mount)]
    [DataRow(TransportKind.Attach, DeliveryKind.Copy)]
    public async Task CancelAtEveryPhase_LeavesNothing(TransportKind transport, DeliveryKind delivery)
    {
        const int Runs = 25;
        HashSet<string> phases = [];
        TimeSpan? whole = null;
        for (int number = 0; number < Runs; number++)
        {
            using SandboxHost host = new() { Transport = transport, Delivery = delivery };
            using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
            if (whole is { } time)
            {
                cancel.CancelAfter(time * (number - 1) / Runs);
            }

            string audit = Path.Combine(host.Root, "audit.jsonl");
            AgentRunResult result = await host.RunAsync(
                host.Request("echo 1 > /output/1; sleep 0.02; head -c 2000000 /dev/zero > /output/2; echo end") with
                {
                    AuditLog = audit,
                },
                cancel.Token
            );
            Assert.IsTrue(result.Verdict is Verdict.Cancelled or Verdict.Passed, string.Join('\n', result.Diagnostics));
            whole ??= result.Duration;
            phases.Add(
                host.Events.Select(raised => raised.GetType().Name)
                    .LastOrDefault(name => name is not nameof(SessionFailed) and not nameof(ContainerRemoving))
                    ?? ""
            );
            await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
            using FileStream log = File.OpenRead(audit);
            Assert.AreEqual(Audit.AuditStatus.Sealed, Audit.AuditVerifier.Verify(log, result.AuditHead).Status);
            log.Close();
            Assert.IsFalse(Directory.Exists(Path.Combine(Path.GetTempPath(), Sandbox.ChannelFolder.NamePrefix + result.SessionId)));
            Assert.IsEmpty(
                Directory.GetFileSystemEntries(host.Root).Select(Path.GetFileName).Except(["workspace", "output", "audit.jsonl"]).ToArray()
            );
        }

        context.WriteLine(string.Join(' ', phases));
        Assert.IsGreaterThan(2, phases.Count, string.Join(' ', phases));
    }

    [TestMethod]
    [TestProperty("Case", "C3-33")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DoNotParallelize]
    public async Task SuspendedProcess_NeitherBurstsNorLosesTheRun()
    {
        using CommandLineHost host = new();
        CommandLineRun run = host.StartCommand(
            "echo be''gun; sleep 10; echo do''ne",
            "--telemetry-format",
            "json",
            "--resource-monitor-interval",
            "0.5"
        );
        await run.WhenOutputAsync("begun", Token);
        await run.SignalAsync("STOP", Token);
        await Task.Delay(TimeSpan.FromSeconds(6), Token);
        await run.SignalAsync("CONT", Token);
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(0, code: null);
        Assert.Contains("done", result.Output);
        // Twelve samples came while nobody read them: they are one, and the gap is told.
        string[] usage =
        [
            .. result
                .Events.Where(raised => raised.GetProperty("event.name").GetString() == "resource.usage")
                .Select(raised => raised.GetProperty("timestamp").GetString()!),
        ];
        Assert.IsLessThan(13, usage.Length, string.Join('\n', usage));
        Assert.ContainsSingle(result.Events.Where(raised => raised.GetProperty("event.name").GetString() == "telemetry.suppressed"));
    }

    // The clock that this process reads jumps while the agent runs, as libfaketime has it: nobody else's does.
    [TestMethod]
    [TestProperty("Case", "C3-32")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DataRow("-3600")]
    [DataRow("+3600")]
    // Past the 32 bits of old clocks.
    [DataRow("+500000000")]
    public async Task WallClockJumps_OrderAndDurationsHold(string jump)
    {
        const string library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
        if (!File.Exists(library))
        {
            Assert.AreNotEqual(
                "1",
                Environment.GetEnvironmentVariable("IA_REQUIRE_CLOCK"),
                $"'{library}' is missing, and build/setup.sh --for-tests installs it."
            );
            Assert.Inconclusive($"'{library}' is missing; build/setup.sh --for-tests installs it.");
        }

        using CommandLineHost host = new();
        string clock = host.Write("clock", "+0");
        host.Environment["LD_PRELOAD"] = library;
        host.Environment["FAKETIME_TIMESTAMP_FILE"] = clock;
        host.Environment["FAKETIME_NO_CACHE"] = "1";
        host.Environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
        CommandLineRun run = host.StartCommand(
            "echo be''gun; while [ ! -e /workspace/go ]; do sleep 0.1; done; echo do''ne",
            "--telemetry-format",
            "json",
            "--audit-log",
            "audit.jsonl",
            "--report-directory",
            "reports",
            "--timeout-seconds",
            "60"
        );
        await run.WhenOutputAsync("begun", Token);
        host.Write("clock.new", jump);
        File.Move(Path.Combine(host.Root, "clock.new"), clock, overwrite: true);
        await Task.Delay(TimeSpan.FromSeconds(1.5), Token);
        host.Write("workspace/go", "");
        CommandLineResult result = await run.EndAsync(Token);
        Assert.AreEqual(0, result.ExitCode, result.Error);
        DateTimeOffset[] times =
        [
            .. File.ReadLines(Path.Combine(host.Root, "audit.jsonl"))
                .Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("timestamp").GetDateTimeOffset()),
        ];
        // Events are dated in whole milliseconds, the first and the last entry in less.
        for (int i = 1; i < times.Length; i++)
        {
            Assert.IsGreaterThanOrEqualTo(times[i - 1].AddMilliseconds(-1), times[i]);
        }

        Assert.IsLessThan(TimeSpan.FromMinutes(1), times[^1] - times[0]);
        double agent = result
            .Events.Single(raised => raised.GetProperty("event.name").GetString() == "agent.completed")
            .GetProperty("isolated_agents.duration")
            .GetDouble();
        Assert.IsTrue(agent is > 1 and < 60, result.Output);
        Assert.AreEqual(0, (await host.Start("audit", "verify", "audit.jsonl").EndAsync(Token)).ExitCode);
    }

    [TestMethod]
    [TestProperty("Case", "C3-31")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DataRow("ulimit -n $FEW; exec \"$@\"", "")]
    [DataRow("exec \"$@\"", "0x4000000")]
    public async Task FewDescriptorsOrLittleMemory_NeitherHangsNorLosesOutput(string script, string heapLimit)
    {
        using CommandLineHost host = new();
        host.Environment["DOTNET_GCHeapHardLimit"] = heapLimit.Length > 0 ? heapLimit : null;
        // What is published is one file; a build's runtime needs more than that for its own files.
        host.Environment["FEW"] = Environment.GetEnvironmentVariable("IA_TEST_COMMAND_LINE") is { Length: > 0 } ? "64" : "160";
        CommandLineRun run = host.StartFromScript(
            script,
            [
                "run",
                "--command",
                "seq 1 200000; seq 1 50 | while read i; do echo $i > /output/$i; done",
                .. host.Usual(SandboxHost.BusyboxImage),
                "--telemetry-format",
                "json",
            ]
        );
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(0, code: null);
        Assert.AreEqual(
            200_000,
            result.OutputLines.Count(line => line.Contains("\"event.name\":\"agent.output\"", StringComparison.Ordinal))
        );
        Assert.HasCount(51, Directory.GetFiles(host.Output));
    }

    [TestMethod]
    [TestProperty("Case", "C3-46")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DataRow("xterm-256color", "stty cols 1 rows 1")]
    [DataRow("dumb", "stty cols 80 rows 24")]
    [DataRow("", "stty cols 0 rows 0")]
    public async Task OddTerminal_RunsAndErasesNothing(string terminal, string settings)
    {
        using CommandLineHost host = new();
        host.Environment["TERM"] = terminal;
        host.Environment["LC_ALL"] = "C";
        string agent = host.Write("agent.sh", "echo line; exit 9");
        CommandLineRun run = host.StartFromScript(
            $"command=\"$*\"; exec script --quiet --return --flush --command \"{settings}; $command\" /dev/null",
            ["run", agent, .. host.Usual(SandboxHost.BusyboxImage), "--telemetry-format", "rich"]
        );
        CommandLineResult result = await run.EndAsync(Token);
        Assert.AreEqual(1, result.ExitCode, result.Output + result.Error);
        Assert.Contains("IA6001", result.Output);
        Assert.DoesNotContain("\e[3J", result.Output);
        Assert.DoesNotContain("\e[2J", result.Output);
    }

    // C3 38: the control group's files go away while the agent runs. Figures that are not there are not told as figures, and the policy
    // says whether the run may go on without.
    [TestMethod]
    [TestProperty("Case", "C3-38")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("")]
    [DataRow("cgroup")]
    public async Task FiguresAreLost_IsToldOrEndsTheRunAsThePolicySays(string required)
    {
        using SandboxHost host = new() { Delivery = DeliveryKind.Mount };
        (string, string)[] policy =
        [
            ("resource_monitor_interval", "0.5"),
            .. required.Length > 0 ? new[] { ("isolation.require", required) } : [],
        ];
        Task<AgentRunResult> running = host.RunAsync(
            "echo begun; while [ ! -e /workspace/go ]; do sleep 0.1; done; sleep 2; echo done",
            Token,
            policy
        );
        await host.WhenLineAsync("begun");
        string supervisor = await DockerCli.RunAsync(Token, "inspect", "--format", "{{.State.Pid}}", await host.ContainerIdAsync());
        await HostProgram.RunAsync(
            "nsenter",
            [
                "-m",
                "-t",
                supervisor,
                "sh",
                "-c",
                "for part in /sys/fs/cgroup/*; do umount -l $part 2>/dev/null; done; umount -l /sys/fs/cgroup",
            ],
            Token
        );
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "go"), "", Token);
        AgentRunResult result = await running;
        Assert.IsTrue(host.Events.OfType<ResourceUsage>().All(usage => usage.MemoryUsed >= 0));
        if (required.Length > 0)
        {
            AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
            Assert.DoesNotContain("done", host.Lines);
            return;
        }

        AssertVerdict(Verdict.Passed, 0, result);
        TelemetrySuppressed lost = Assert.ContainsSingle(host.Events.OfType<TelemetrySuppressed>());
        Assert.AreEqual("resource.usage", lost.Event);
        Assert.IsGreaterThan(1, lost.Count);
        Assert.Contains("control group", Assert.ContainsSingle(result.Diagnostics).Message);
    }

    // The server of a file system stops answering. Whether the kernel lets go of what waits for it depends on its version: the run ends in
    // either case.
    [TestMethod]
    [TestProperty("Case", "C3-25")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task AgentBlockedInAFileSystem_TheRunEndsInTime()
    {
        using SandboxHost host = new() { Transport = TransportKind.Socket, Delivery = DeliveryKind.Mount };
        await File.WriteAllBytesAsync(Path.Combine(host.Root, "workspace", "data"), new byte[1 << 20], Token);
        string shown = Directory.CreateDirectory(Path.Combine(host.Root, "shown")).FullName;
        using Process server = Process.Start("bindfs", ["-f", "-o", "allow_other,direct_io", host.Workspace, shown]);
        try
        {
            while (!Directory.Exists(shown) || !File.Exists(Path.Combine(shown, "data")))
            {
                Assert.IsFalse(server.HasExited, "bindfs is needed to block a process, and ended.");
                await Task.Delay(20, Token);
            }

            using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
            Task<AgentRunResult> running = host.RunAsync(
                host.Request("echo begun; while :; do cat data > /dev/null; done") with
                {
                    WorkingDirectory = shown,
                },
                cancel.Token
            );
            await host.WhenLineAsync("begun");
            await SignalAsync(server, "STOP");
            string container = await host.ContainerIdAsync();
            while (!(await Engine.EngineCli.Docker.ProcessesOfAsync(container, Token)).Any(IsBlocked))
            {
                await Task.Delay(20, Token);
            }

            await cancel.CancelAsync();
            AgentRunResult result = await running;
            AssertVerdict(Verdict.Cancelled, 130, result, DiagnosticTable.Cancelled);
            Assert.IsLessThan(TimeSpan.FromSeconds(30), result.Duration);
            await SignalAsync(server, "CONT");
            await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
        }
        finally
        {
            await SignalAsync(server, "CONT");
            await HostProgram.RunAsync("umount", ["--lazy", shown], CancellationToken.None);
            await server.WaitForExitAsync(CancellationToken.None);
        }
    }

    // The server has taken the question, and its own disk stands still: the kernel waits on, whatever signal comes.
    [TestMethod]
    [TestProperty("Case", "C3-25")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task AgentThatNothingEnds_IsToldWithItsProcessAndWait()
    {
        using SandboxHost host = new() { Transport = TransportKind.Socket, Delivery = DeliveryKind.Mount };
        await using ServedDisk disk = await ServedDisk.MountAsync(host.Root, Token);
        // Without an end: it asks for nothing but the next bytes.
        await using (FileStream data = File.Create(Path.Combine(disk.Real, "data")))
        {
            data.SetLength(1L << 40);
        }

        await using ServedDisk shown = await ServedDisk.MountAsync(
            Directory.CreateDirectory(Path.Combine(host.Root, "outer")).FullName,
            Token,
            disk.Shown
        );
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<AgentRunResult> running = host.RunAsync(
            host.Request("echo begun; cat data > /dev/null") with
            {
                WorkingDirectory = shown.Shown,
            },
            cancel.Token
        );
        await host.WhenLineAsync("begun");
        AgentRunResult result;
        try
        {
            await shown.WhenServerWaitsAsync(Token);
            await disk.StopAsync(Token);
            await shown.WhenServerWaitsAsync(Token);
            await cancel.CancelAsync();
            result = await running;
        }
        finally
        {
            // The other server could not be ended otherwise.
            await disk.SignalAsync("CONT");
        }

        AssertVerdict(Verdict.Cancelled, 130, result, DiagnosticTable.Cancelled);
        // It is no lie that all of it has ended, and who goes to see finds the place.
        Assert.Contains("its container is still there", result.Diagnostics[0].Message);
        Assert.Contains(
            "(cat) waits in the kernel's request_wait_answer",
            result.Diagnostics.Single(diagnostic => diagnostic.Code == DiagnosticTable.EngineLost).Message
        );
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Supervisor_WithABusyAgent_StaysSmall()
    {
        using SandboxHost host = new();
        Task<AgentRunResult> running = host.RunAsync(
            "seq 1 300000; echo begun; while [ ! -e /workspace/go ]; do sleep 0.1; done",
            Token,
            ("timeout_seconds", "120")
        );
        await host.WhenLineAsync("begun");
        string supervisor = await DockerCli.RunAsync(Token, "inspect", "--format", "{{.State.Pid}}", await host.ContainerIdAsync());
        string resident = File.ReadLines($"/proc/{supervisor}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        long kibibytes = long.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        context.WriteLine(resident);
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "go"), "", Token);
        AssertVerdict(Verdict.Passed, 0, await running);
        Assert.IsLessThan(12 * 1024, kibibytes);
    }

    // proc(5): after the name in brackets comes the state, and D is a wait that nothing interrupts.
    // For an answer (fs/fuse/dev.c) or a page. Any thread: the agent itself may wait for the supervisor's, which looks at the path for it.
    private static bool IsBlocked(int processId)
    {
        try
        {
            return Directory
                .EnumerateDirectories($"/proc/{processId}/task")
                .Any(thread =>
                    File.ReadAllText(Path.Combine(thread, "wchan")) == "request_wait_answer"
                    || File.ReadAllText(Path.Combine(thread, "stat")).Contains(") D ", StringComparison.Ordinal)
                );
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static Task SignalAsync(Process process, string signal) =>
        HostProgram.RunAsync("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)], CancellationToken.None);
}
