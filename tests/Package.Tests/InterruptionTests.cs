using System.Diagnostics;

namespace IsolatedAgents.Package.Tests;

/// <summary>R5: a build that is broken off leaves no agent behind.</summary>
[TestClass]
[DoNotParallelize]
public sealed class InterruptionTests
{
    private const int Minutes = 120_000;

    // What R5 of the cases allows. These tests run alone, so that it is ours to keep and not the other builds' load.
    // The agent would go on for minutes. How fast it really is, the benchmarks say.
    private static readonly TimeSpan Allowed = TimeSpan.FromSeconds(30);

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "R5")]
    [DataRow("AssemblyTaskFactory", DisplayName = "R5_InterruptOfTheBuild_EndsIt")]
    [DataRow("TaskHostFactory", DisplayName = "R5_InterruptOfABuildWithATaskHost_EndsIt")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Interrupt_EndsTheAgentAndTheBuild(string factory)
    {
        using ConsumerProject project = Stubborn();
        RunningBuild build = project.StartBuild("-t:Step", $"-p:IsolatedAgentsTaskFactory={factory}");
        string container = await RunningContainerAsync(build, project);

        DateTimeOffset interrupted = TimeProvider.System.GetUtcNow();
        long started = Stopwatch.GetTimestamp();
        await build.SignalAsync("INT", Token);
        await build.WhenEndedAsync(Token);
        TimeSpan took = Stopwatch.GetElapsedTime(started);
        BuildOutcome outcome = await build.CompleteAsync(Token);

        Assert.AreNotEqual(0, outcome.ExitCode, outcome.Text);
        Assert.IsLessThan(Allowed, took, outcome.Text);
        Assert.IsLessThan(Allowed, await EngineEvents.RemovedAsync(container, interrupted, Token) - interrupted, outcome.Text);
        Assert.AreEqual("IA7001", Assert.ContainsSingle(outcome.Errors, outcome.Text).Code);
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task KillOfTheBuild_EndsTheAgent()
    {
        using ConsumerProject project = Stubborn();
        RunningBuild build = project.StartBuild("-t:Step");
        string container = await RunningContainerAsync(build, project);

        DateTimeOffset killed = TimeProvider.System.GetUtcNow();
        await build.SignalAsync("KILL", Token);

        Assert.IsLessThan(Allowed, await EngineEvents.RemovedAsync(container, killed, Token) - killed);
        await build.WhenEndedAsync(Token);
    }

    // An agent that ignores what is meant to end it, and leaves a child that does too.
    private static ConsumerProject Stubborn() =>
        new(
            ConsumerProject.Step(
                $"Agent=\"puppet.py\" Arguments=\"daemon;600;--;trap-term;600\" ReportDirectory=\"report\" Image=\"{ConsumerProject.PythonImage}\" TimeoutSeconds=\"100\""
            )
        );

    private async Task<string> RunningContainerAsync(RunningBuild build, ConsumerProject project)
    {
        await build.WhenLineAsync("trap-term", Token);
        string session = await ReadSessionAsync(project.PathOf("report/session.jsonl"), Token);
        string container = await EngineEvents.RunAsync(
            Token,
            "ps",
            "-q",
            "--no-trunc",
            "--filter",
            $"label=dev.isolated-agents.session={session}"
        );
        Assert.AreEqual(64, container.Length, container);
        return container;
    }

    private static async Task<string> ReadSessionAsync(string record, CancellationToken cancellationToken)
    {
        using FileStream stream = new(record, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using StreamReader reader = new(stream);
        using System.Text.Json.JsonDocument line = System.Text.Json.JsonDocument.Parse((await reader.ReadLineAsync(cancellationToken))!);
        return line.RootElement.GetProperty("session.id").GetString()!;
    }
}
