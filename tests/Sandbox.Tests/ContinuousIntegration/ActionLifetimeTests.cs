using System.Diagnostics;
using IsolatedAgents.Sandbox.Tests.CommandLine;

namespace IsolatedAgents.Sandbox.Tests.ContinuousIntegration;

/// <summary>How a step ends that is not left to end by itself.</summary>
[TestClass]
public sealed class ActionLifetimeTests
{
    private const int Minutes = 3 * 60_000;

    // The agent would go on for minutes. How fast it really is, the benchmarks say.
    private static readonly TimeSpan Allowed = TimeSpan.FromSeconds(30);

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [DoNotParallelize]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("INT")]
    [DataRow("TERM")]
    public async Task Action_Cancelled_EndsItsAgentAndLeavesNothing(string signal)
    {
        using ActionStep step = new();
        step.Inputs["command"] = "trap '' TERM INT; echo partial > /output/partial; echo ready; sleep 600";
        step.Inputs["output-directory"] = "out";
        CommandLineRun run = await step.StartAsync(Token);
        await run.WhenOutputAsync("line=ready", Token);
        long began = Stopwatch.GetTimestamp();
        // The runner signals the client, which passes it on to process 1 of the container.
        await run.SignalAsync(signal, Token);
        ActionOutcome outcome = await step.EndAsync(run, Token);
        Assert.IsLessThan(Allowed, Stopwatch.GetElapsedTime(began));
        Assert.AreEqual("cancelled", outcome.Outputs["verdict"], outcome.Raw);
        Assert.Contains("IA7001", Assert.ContainsSingle(outcome.Errors));
        await DockerCli.WaitForRemovalAsync(outcome.Outputs["session-id"], Token);
        Assert.IsEmpty(Directory.GetDirectories(step.Temp, "isolated-agents-*"));
    }

    // The runner's own order of signals, of which the later ones are sent to a step that is still there. The agent and its orphans heed
    // none.
    [TestMethod]
    [TestProperty("Case", "C3-3")]
    [DoNotParallelize]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task RunnerCancels_AllIsRemovedBeforeItLosesPatience()
    {
        using ActionStep step = new();
        step.Inputs["command"] =
            "trap '' TERM INT HUP; (setsid sh -c 'trap \"\" TERM; sleep 600; true') & echo partial > /output/partial; echo ready; while true; do sleep 600; done";
        step.Inputs["output-directory"] = "out";
        CommandLineRun run = await step.StartAsync(Token);
        await run.WhenOutputAsync("line=ready", Token);
        DateTime began = DateTime.UtcNow;
        Task<ActionOutcome> ending = step.EndAsync(run, Token);
        List<string> sent = [];
        foreach ((string signal, double patience) in new[] { ("INT", 7.5), ("TERM", 2.5), ("KILL", 0) })
        {
            sent.Add(signal);
            await run.SignalAsync(signal, Token);
            if (await Task.WhenAny(ending, Task.Delay(TimeSpan.FromSeconds(patience), Token)) == ending)
            {
                break;
            }
        }

        ActionOutcome outcome = await ending;
        Assert.AreEqual("INT", string.Join(' ', sent), outcome.Raw);
        Assert.AreEqual("cancelled", outcome.Outputs["verdict"], outcome.Raw);
        Assert.Contains("## ❌ Isolated agent: cancelled", outcome.Summary);
        TestContext.WriteLine(
            $"The summary was written {(step.SummaryWritten - began).TotalSeconds:0.00} s after the first signal, and the step was over after {(DateTime.UtcNow - began).TotalSeconds:0.00} s."
        );
        Assert.IsLessThan(TimeSpan.FromSeconds(7.5), step.SummaryWritten - began);
        Assert.AreEqual("partial\n", await File.ReadAllTextAsync(step.Open("out/partial"), Token));
        await DockerCli.WaitForRemovalAsync(outcome.Outputs["session-id"], Token);
        Assert.IsLessThan(TimeSpan.FromSeconds(10), DateTime.UtcNow - began);
        Assert.AreEqual("", await DockerCli.RunAsync(Token, "ps", "-aq", "--filter", $"name={step.Name}"));
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Action_TwoAtOnce_DoNotMix()
    {
        using ActionStep first = new();
        using ActionStep second = new();
        first.Inputs["command"] = "echo first; echo first > /output/name";
        second.Inputs["command"] = "echo second; echo second > /output/name";
        first.Inputs["output-directory"] = second.Inputs["output-directory"] = "out";
        ActionOutcome[] outcomes = await Task.WhenAll(first.RunAsync(Token), second.RunAsync(Token));
        Assert.AreEqual("passed", outcomes[0].Outputs["verdict"], outcomes[0].Raw);
        Assert.AreEqual("passed", outcomes[1].Outputs["verdict"], outcomes[1].Raw);
        Assert.AreEqual("first\n", await File.ReadAllTextAsync(first.Open("out/name"), Token));
        Assert.AreEqual("second\n", await File.ReadAllTextAsync(second.Open("out/name"), Token));
        Assert.AreNotEqual(outcomes[0].Outputs["session-id"], outcomes[1].Outputs["session-id"]);
        Assert.DoesNotContain("second", outcomes[0].Raw);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Action_Killed_LeavesNothingOnceItsCleanUpHasRun()
    {
        using ActionStep step = new();
        step.Inputs["command"] = "echo ready; sleep 600";
        step.Inputs["output-directory"] = "out";
        CommandLineRun run = await step.StartAsync(Token);
        await run.WhenOutputAsync("line=ready", Token);
        await DockerCli.RunAsync(Token, "kill", "--signal", "KILL", step.Name);
        ActionOutcome killed = await step.EndAsync(run, Token);
        Assert.AreEqual(137, killed.ExitCode);
        string session = killed.State["isolated_agents_session"];

        // The lease ends the sandbox; this is for an engine that did not come to it, and what is another run's must stay.
        await DockerCli.WaitForRemovalAsync(session, Token);
        string own = await DockerCli.RunAsync(
            Token,
            "run",
            "-d",
            "--label",
            $"dev.isolated-agents.session={session}",
            SandboxHost.BusyboxImage,
            "sleep",
            "600"
        );
        string other = await DockerCli.RunAsync(
            Token,
            "run",
            "-d",
            "--label",
            $"dev.isolated-agents.session={Guid.NewGuid():N}",
            SandboxHost.BusyboxImage,
            "sleep",
            "600"
        );
        try
        {
            Directory.CreateDirectory(step.Open($"out.partial-{session}"));
            Directory.CreateDirectory(Path.Combine(step.Temp, $"isolated-agents-{session}"));
            ActionOutcome cleaned = await step.CleanUpAsync(Token);
            Assert.AreEqual(0, cleaned.ExitCode, cleaned.Raw);
            Assert.Contains(own, cleaned.Raw);
            Assert.AreEqual("", await DockerCli.ContainersOfAsync(session, Token));
            Assert.IsFalse(Directory.Exists(step.Open($"out.partial-{session}")));
            Assert.IsFalse(Directory.Exists(Path.Combine(step.Temp, $"isolated-agents-{session}")));
            Assert.AreEqual("true", await DockerCli.RunAsync(Token, "inspect", "--format", "{{.State.Running}}", other));
        }
        finally
        {
            await DockerCli.RunAsync(CancellationToken.None, "rm", "-f", own, other);
        }
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Action_CleanUpOfAStepThatNeverBegan_DoesNothing()
    {
        using ActionStep step = new();
        ActionOutcome cleaned = await step.CleanUpAsync(Token);
        Assert.AreEqual(0, cleaned.ExitCode, cleaned.Raw);
        Assert.AreEqual("", cleaned.Raw);
        Assert.IsEmpty(cleaned.Outputs);
    }
}
