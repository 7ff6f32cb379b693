using System.Text;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary>The same on Podman.</summary>
[TestClass]
[TestCategory("Podman")]
[PodmanCondition]
public sealed class PodmanTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [ClassInitialize]
    public static void LookForPodman(TestContext _) => EngineRequirements.Require(EngineCli.PodmanSocket, EngineRequirements.Podman);

    [TestMethod]
    [Timeout(3 * Minute, CooperativeCancellation = true)]
    public async Task Review_OnBothEngines_IsTheSameToTheByte()
    {
        byte[][] reviews = await Task.WhenAll(ReviewAsync(EngineCli.Docker), ReviewAsync(EngineCli.Podman));
        Assert.Contains("\"files\": ", Encoding.UTF8.GetString(reviews[0]));
        CollectionAssert.AreEqual(reviews[0], reviews[1]);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow(1, "IA6001", "exit 3")]
    [DataRow(1, "IA6002", "signal SEGV")]
    [DataRow(3, "IA3004", "output symlink=stolen:/etc/passwd")]
    [DataRow(4, "IA4003", "output file=big:300000", "--max-output-bytes", "100000")]
    [DataRow(4, "IA4003", "output many=50", "--max-output-files", "10")]
    [DataRow(124, "IA4001", "daemon 600 -- trap-term 600", "--timeout-seconds", "2")]
    [DataRow(135, "IA4004", "forkbomb 500", "--pids-limit", "32")]
    [DataRow(137, "IA4002", "memory 300", "--memory-mb", "64")]
    public async Task Run_Failure_HasItsVerdict(int exitCode, string code, string verbs, params string[] options)
    {
        using CommandLineHost host = new() { Engine = EngineCli.Podman };
        CommandLineResult result = await host.RunPuppetAsync(verbs, Token, options);
        result.AssertEnd(exitCode, code);
        await EngineCli.Podman.WhenNoneIsLeftAsync(result.ProcessId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("INT", 130)]
    [DataRow("KILL", 137)]
    public async Task Signal_LeavesNothing(string signal, int exitCode)
    {
        using CommandLineHost host = new() { Engine = EngineCli.Podman };
        CommandLineRun run = host.StartPuppet("daemon 600 -- trap-term 600");
        await run.WhenOutputAsync("\\\"trap-term\\\"", Token);
        await run.SignalAsync(signal, Token);
        CommandLineResult result = await run.EndAsync(Token);
        Assert.AreEqual(exitCode, result.ExitCode, result.Error);
        await EngineCli.Podman.WhenNoneIsLeftAsync(run.Id, Token);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_OutputInAVolume_IsCollectedAndTheVolumeIsRemoved()
    {
        using CommandLineHost host = new() { Engine = EngineCli.Podman };
        string before = await EngineCli.Podman.AskAsync(Token, "volume", "ls", "-q");
        CommandLineResult result = await host.RunPuppetAsync("output file=a:1000", Token, "--max-output-bytes", "500000000");
        result.AssertEnd(0, null);
        Assert.AreEqual(1000, new FileInfo(Path.Combine(host.Output, "a")).Length);
        await EngineCli.Podman.WhenNoneIsLeftAsync(result.ProcessId, Token);
        Assert.AreEqual(before, await EngineCli.Podman.AskAsync(Token, "volume", "ls", "-q"));
    }

    private async Task<byte[]> ReviewAsync(EngineCli engine)
    {
        string repository = Repository();
        string sample = Path.Combine(repository, "samples", "review");
        using CommandLineHost host = new();
        CommandLineResult result = await host.Start(
                "run",
                Path.Combine(sample, "review.py"),
                "--policy",
                Path.Combine(sample, "review-policy.json"),
                "--engine",
                engine.Name,
                "--working-directory",
                Path.Combine(repository, "src"),
                "--output-directory",
                host.Output
            )
            .EndAsync(Token);
        result.AssertEnd(0, null);
        Assert.Contains($"container_runtime=\"{engine.Name}", result.OutputLines[0], StringComparison.OrdinalIgnoreCase);
        return await File.ReadAllBytesAsync(Path.Combine(host.Output, "review.json"), Token);
    }

    private static string Repository()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "IsolatedAgents.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests do not lie in the repository.");
        }

        return folder.FullName;
    }
}
