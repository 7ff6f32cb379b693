using System.Diagnostics;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary>Every verdict as a user of the command line meets it: an exit code, and one line on standard error.</summary>
[TestClass]
public sealed class VerdictTests
{
    private const int Minute = 60_000;

    // What R5 of the cases allows. These tests run alone, so that it is ours to keep and not the other tests' load.
    // The agent would go on for minutes. How fast it really is, the benchmarks say.
    private static readonly TimeSpan Allowed = TimeSpan.FromSeconds(30);

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_Passed_IsZeroAndSilentOnStandardError()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.RunCommandAsync("echo data > /output/result.txt", Token);
        result.AssertEnd(0, null);
        Assert.AreEqual("", result.Error);
        Assert.AreEqual("data\n", await File.ReadAllTextAsync(Path.Combine(host.Output, "result.txt"), Token));
        await EngineCli.Docker.WhenNoneIsLeftAsync(result.ProcessId, Token);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("exit 3", "error IA6001: The agent ended with exit code 3.")]
    [DataRow("exit 124", "error IA6001: The agent ended with exit code 124.")]
    [DataRow("exit 137", "error IA6001: The agent ended with exit code 137.")]
    [DataRow("kill -SEGV $$", "error IA6002: The agent was ended by signal SIGSEGV.")]
    [DataRow("kill -9 $$", "error IA6002: The agent was ended by signal SIGKILL.")]
    [DataRow("no-such-program", "error IA6001: The agent ended with exit code 127. It wrote last: 'sh: no-such-program: not found'.")]
    public async Task Run_AgentFails_IsOneWhateverItsOwnCode(string command, string line)
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.RunCommandAsync(command, Token);
        result.AssertEnd(1, line[6..12]);
        Assert.AreEqual(line, Assert.ContainsSingle(result.ErrorLines));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_OutputThatIsALink_IsThree()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.RunCommandAsync("ln -s /etc/passwd /output/stolen; echo good > /output/good", Token);
        result.AssertEnd(3, "IA3004");
        Assert.Contains("'stolen'", result.Error);
        Assert.IsFalse(Path.Exists(Path.Combine(host.Output, "stolen")));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_TooMuchOutput_IsFourAndNothingIsCollected()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.RunCommandAsync(
            "dd if=/dev/zero of=/output/big bs=1k count=300 2>&1",
            Token,
            "--max-output-bytes",
            "100000"
        );
        result.AssertEnd(4, "IA4003");
        Assert.IsFalse(Path.Exists(host.Output));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_TimeLimit_Is124()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.RunCommandAsync("trap '' TERM; sleep 600 & sleep 600", Token, "--timeout-seconds", "1");
        result.AssertEnd(124, "IA4001");
        await EngineCli.Docker.WhenNoneIsLeftAsync(result.ProcessId, Token);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_ForkBomb_Is135()
    {
        using CommandLineHost host = new();
        (await host.RunPuppetAsync("forkbomb 500", Token, "--pids-limit", "32")).AssertEnd(135, "IA4004");
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_MemoryHog_Is137()
    {
        using CommandLineHost host = new();
        (await host.RunPuppetAsync("memory 300", Token, "--memory-mb", "64")).AssertEnd(137, "IA4002");
    }

    [TestMethod]
    [DoNotParallelize]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_NoEngine_IsSixWithoutWaiting()
    {
        using CommandLineHost host = new() { Environment = { ["DOCKER_HOST"] = "unix:///nonexistent/docker.sock" } };
        long started = Stopwatch.GetTimestamp();
        CommandLineResult result = await host.Start("run", "--command", "true").EndAsync(Token);
        Assert.IsLessThan(Allowed, Stopwatch.GetElapsedTime(started));
        result.AssertEnd(6, "IA2001");
        Assert.AreEqual(
            "error IA2001: No container engine answers. Tried unix:///nonexistent/docker.sock: no such socket. Start one, or point DOCKER_HOST at it.\n",
            result.Error
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow(
        "localhost:2375",
        "error IA2001: The engine address 'localhost:2375' of DOCKER_HOST cannot be used: expected unix:///path, npipe://./pipe/name, tcp://host:port or ssh://user@host.\n"
    )]
    public async Task Run_EngineAddressThatIsNone_IsSix(string address, string error)
    {
        using CommandLineHost host = new() { Environment = { ["DOCKER_HOST"] = address } };
        CommandLineResult result = await host.Start("run", "--command", "true").EndAsync(Token);
        result.AssertEnd(6, "IA2001");
        Assert.AreEqual(error, result.Error);
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task Run_ImageThatCannotBeHad_IsSix()
    {
        using CommandLineHost host = new();
        // No registry answers there: the engine says so, whatever the network is like.
        CommandLineResult result = await host.Start("run", "--command", "true", "--image", "localhost:1/nothing:1").EndAsync(Token);
        result.AssertEnd(6, "IA2002");
        Assert.StartsWith("error IA2002: The image 'localhost:1/nothing:1' is not on the engine and cannot be pulled: ", result.Error);
        Assert.EndsWith("Build or pull it first, or name another one in base_image.\n", result.Error);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_ImageNameThatIsNone_IsTwoAndNamesTheOption()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.Start("run", "--command", "true", "--image", "UPPER CASE").EndAsync(Token);
        result.AssertEnd(2, "IA1003");
        Assert.Contains("'--image'", result.Error);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_ImageWithoutTheInterpreter_IsSixAndNamesIt()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.Start("run", CommandLineHost.Puppet, "--image", SandboxHost.BusyboxImage, "--", "exit", "0")
            .EndAsync(Token);
        result.AssertEnd(6, "IA2002");
        Assert.StartsWith(
            $"error IA2002: The program 'python3' cannot be started in the image '{SandboxHost.BusyboxImage}': ",
            result.Error
        );
        await EngineCli.Docker.WhenNoneIsLeftAsync(result.ProcessId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task KeyThatThisVersionCannotHonour_IsTwoAtItsPlaceInTheFile()
    {
        using CommandLineHost host = new();
        host.Write("policy.json", "{\n  \"pip_packages\": [\"six\"]\n}\n");
        CommandLineResult result = await host.RunCommandAsync("true", Token, "--policy", "policy.json");
        result.AssertEnd(2, "IA1001");
        Assert.AreEqual(
            "policy.json(2,3): error IA1001: 'pip_packages' cannot be enforced: this version installs no packages; put them into the image and remove the key.\n",
            result.Error
        );
        Assert.AreEqual("", await EngineCli.Docker.ContainersOfAsync(result.ProcessId, Token));
    }

    [TestMethod]
    [TestProperty("Case", "R5")]
    [DoNotParallelize]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("INT")]
    [DataRow("TERM")]
    public async Task Signal_Is130AndNothingIsLeft(string signal)
    {
        using CommandLineHost host = new();
        CommandLineRun run = host.StartPuppet("trap-term 600");
        await run.WhenOutputAsync("\\\"trap-term\\\"", Token);
        long started = Stopwatch.GetTimestamp();
        await run.SignalAsync(signal, Token);
        CommandLineResult result = await run.EndAsync(Token);
        Assert.IsLessThan(Allowed, Stopwatch.GetElapsedTime(started));
        result.AssertEnd(130, "IA7001");
        await EngineCli.Docker.WhenNoneIsLeftAsync(run.Id, Token);
        Assert.IsLessThan(Allowed, Stopwatch.GetElapsedTime(started));
        Assert.IsFalse(Path.Exists(host.Output));
    }

    [TestMethod]
    [TestProperty("Case", "R7")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task ManyRunsIntoOneOutputDirectory_LeaveTheFilesOfOneOfThem()
    {
        using CommandLineHost host = new();
        CommandLineResult[] results = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(number => host.RunCommandAsync($"echo {number} > /output/a; echo {number} > /output/b", Token))
        );
        Assert.IsTrue(results.All(result => result.ExitCode == 0), string.Concat(results.Select(result => result.Error)));
        Assert.AreEqual(
            await File.ReadAllTextAsync(Path.Combine(host.Output, "a"), Token),
            await File.ReadAllTextAsync(Path.Combine(host.Output, "b"), Token)
        );
        Assert.AreEqual(
            "",
            string.Join(
                ' ',
                Directory.GetDirectories(host.Root).Where(folder => folder.StartsWith(host.Output + ".", StringComparison.Ordinal))
            )
        );
    }
}
