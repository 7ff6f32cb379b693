using System.Diagnostics;
using System.Globalization;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary>R5: however the command line ends, its sandbox ends with it.</summary>
[TestClass]
[DoNotParallelize]
public sealed class EndOfRunTests
{
    private const int Minute = 60_000;

    // What R5 of the cases allows. These tests run alone, so that it is ours to keep and not the other tests' load.
    // The agent would go on for minutes. How fast it really is, the benchmarks say.
    private static readonly TimeSpan Allowed = TimeSpan.FromSeconds(30);

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task KilledRunner_LeavesNoContainerAndNoProcess()
    {
        using CommandLineHost host = new();
        CommandLineRun run = await StartStubbornAsync(host);
        string container = await EngineCli.Docker.ContainersOfAsync(run.Id, Token);
        int[] processes = await EngineCli.Docker.ProcessesOfAsync(container, Token);
        Assert.IsGreaterThan(2, processes.Length, "the supervisor, the agent and its daemon");
        long started = Stopwatch.GetTimestamp();
        await run.SignalAsync("KILL", Token);
        await EngineCli.Docker.WhenNoneIsLeftAsync(run.Id, Token);
        Assert.IsLessThan(Allowed, Stopwatch.GetElapsedTime(started));
        Assert.IsEmpty(processes.Where(IsAlive));
        Assert.IsFalse(Path.Exists(host.Output));
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SecondSignal_EndsTheProcessAtOnceAndTheSandboxWithIt()
    {
        using CommandLineHost host = new();
        CommandLineRun run = await StartStubbornAsync(host);
        long started = Stopwatch.GetTimestamp();
        await run.SignalAsync("INT", Token);
        await run.SignalAsync("INT", Token);
        CommandLineResult result = await run.EndAsync(Token);
        Assert.AreEqual(130, result.ExitCode, result.Error);
        await EngineCli.Docker.WhenNoneIsLeftAsync(run.Id, Token);
        Assert.IsLessThan(Allowed, Stopwatch.GetElapsedTime(started));
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SignalBeforeTheAgentStarts_LeavesNothing()
    {
        using CommandLineHost host = new();
        CommandLineRun run = host.StartPuppet("sleep 600");
        // The container is being made just then.
        await run.WhenOutputAsync("policy.validating", Token);
        await run.SignalAsync("TERM", Token);
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(130, "IA7001");
        await EngineCli.Docker.WhenNoneIsLeftAsync(run.Id, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task HangUp_LeavesNothing()
    {
        using CommandLineHost host = new();
        CommandLineRun run = await StartStubbornAsync(host);
        await run.SignalAsync("HUP", Token);
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(130, "IA7001");
        await EngineCli.Docker.WhenNoneIsLeftAsync(run.Id, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ReaderOfOutputIsGone_EndsByItselfWithTheRunsVerdict()
    {
        using CommandLineHost host = new();
        CommandLineRun run = host.StartPuppet("lines 20000 100 -- exit 3");
        await run.WhenOutputAsync("line 1", Token);
        run.CloseOutput();
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(1, "IA6001");
        await EngineCli.Docker.WhenNoneIsLeftAsync(run.Id, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task PipedIntoHead_StillEndsWithTheRunsVerdict()
    {
        const string Script = "(sh -c 'echo $$ >pid; exec \"$@\"' sh \"$@\" 2>&1; echo $? >code) | head -n 8";
        using CommandLineHost host = new();
        string[] run =
        [
            "run",
            CommandLineHost.Puppet,
            .. host.Usual(SandboxHost.PythonImage),
            "--",
            "lines",
            "20000",
            "100",
            "--",
            "exit",
            "3",
        ];
        CommandLineResult result = await host.StartFromScript(Script, run).EndAsync(Token);
        Assert.HasCount(8, result.OutputLines);
        Assert.AreEqual("1", (await File.ReadAllTextAsync(Path.Combine(host.Root, "code"), Token)).Trim());
        int processId = int.Parse(await File.ReadAllTextAsync(Path.Combine(host.Root, "pid"), Token), CultureInfo.InvariantCulture);
        await EngineCli.Docker.WhenNoneIsLeftAsync(processId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task StoppedReader_DoesNotKeepASignalFromEndingTheRun()
    {
        using CommandLineHost host = new();
        CommandLineRun run = host.StartPuppet("flood 600");
        await run.WhenOutputAsync("line=y", Token);
        run.PauseOutput();
        long started = Stopwatch.GetTimestamp();
        await run.SignalAsync("INT", Token);
        await EngineCli.Docker.WhenNoneIsLeftAsync(run.Id, Token);
        Assert.IsLessThan(Allowed, Stopwatch.GetElapsedTime(started));
        run.ResumeOutput();
        (await run.EndAsync(Token)).AssertEnd(130, "IA7001");
    }

    [TestMethod]
    [TestProperty("Case", "R8")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AgentReadsItsInput_GetsItsEndWhateverOursIs()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.RunPuppetAsync("stdin", Token, "--telemetry-format", "json");
        result.AssertEnd(0, null);
        Assert.Contains("\\\"bytes\\\": 0", result.Output);
    }

    // It ignores what it is told, and so does the daemon that it leaves behind.
    private async Task<CommandLineRun> StartStubbornAsync(CommandLineHost host)
    {
        CommandLineRun run = host.StartPuppet("daemon 600 -- trap-term 600");
        await run.WhenOutputAsync("\\\"trap-term\\\"", Token);
        return run;
    }

    private static bool IsAlive(int processId) => Directory.Exists(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}"));
}
