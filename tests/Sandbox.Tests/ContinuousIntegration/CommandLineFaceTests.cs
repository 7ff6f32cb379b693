using IsolatedAgents.HostGrammar;
using IsolatedAgents.Sandbox.Tests.CommandLine;

namespace IsolatedAgents.Sandbox.Tests.ContinuousIntegration;

/// <summary>The plain command line on a host: the same faces, by the host's own variables.</summary>
[TestClass]
public sealed class CommandLineFaceTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_OnAzure_GivesIssuesSummaryProgressAndVariables()
    {
        using CommandLineHost host = new();
        host.Environment["TF_BUILD"] = "True";
        host.Environment["AGENT_TEMPDIRECTORY"] = host.Root;
        host.Write("policy.json", "{\n  \"timeout_seconds\": 1\n}\n");
        CommandLineResult result = await host.RunCommandAsync("echo data > /output/a; sleep 600", Token, "--policy", "policy.json");
        Assert.AreEqual(124, result.ExitCode, result.Error);
        Assert.AreEqual("", result.Error);
        IReadOnlyList<HostCommand> commands = AzureLog.Read(result.Output);
        HostCommand issue = commands.First(command => command.Name == "task.logissue");
        Assert.AreEqual("error", issue.Property("type"));
        Assert.AreEqual("IA4001", issue.Property("code"));
        Assert.AreEqual("policy.json", issue.Property("sourcepath"));
        Assert.AreEqual("2", issue.Property("linenumber"));
        string summary = commands.Single(command => command.Name == "task.uploadsummary").Data;
        Assert.StartsWith(host.Root, summary);
        Assert.Contains("timeout", await File.ReadAllTextAsync(summary, Token));
        Dictionary<string, string> variables = commands
            .Where(command => command.Name == "task.setvariable")
            .ToDictionary(command => command.Property("variable")!, command => command.Data);
        Assert.IsTrue(commands.Where(command => command.Name == "task.setvariable").All(command => command.Property("isoutput") == "true"));
        Assert.AreEqual("timeout", variables["verdict"]);
        Assert.AreEqual("124", variables["exitCode"]);
        Assert.Contains("\"size\":5", variables["artifacts"]);
        int[] progress =
        [
            .. commands
                .Where(command => command.Name == "task.setprogress")
                .Select(command => int.Parse(command.Property("value")!, System.Globalization.CultureInfo.InvariantCulture)),
        ];
        CollectionAssert.AreEqual(progress.Order().ToArray(), progress);
        Assert.AreEqual(100, progress[^1]);
        Assert.AreEqual(
            result.OutputLines.Count(line => line.StartsWith("##[group]", StringComparison.Ordinal)),
            result.OutputLines.Count(line => line == "##[endgroup]")
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_OnAzureInTheImage_GivesPathsThatTheAgentsMachineHas()
    {
        using CommandLineHost host = new();
        host.Write("workspace/source.txt", "from here");
        string[] inside =
        [
            "run",
            "--rm",
            "--workdir",
            host.Root,
            "-v",
            "/var/run/docker.sock:/var/run/docker.sock",
            "-v",
            $"{host.Root}:{host.Root}",
            "-e",
            "TF_BUILD=True",
            "-e",
            $"AGENT_TEMPDIRECTORY={host.Root}",
            await ActionImage.TagAsync(),
        ];
        string log = await DockerCli.RunAsync(
            Token,
            [.. inside, "run", "--command", "cp /workspace/source.txt /output/copy", .. host.Usual(SandboxHost.BusyboxImage)]
        );
        IReadOnlyList<HostCommand> commands = AzureLog.Read(log);
        Assert.IsTrue(File.Exists(commands.Single(command => command.Name == "task.uploadsummary").Data), log);
        Assert.AreEqual("passed", commands.Single(command => command.Property("variable") == "verdict").Data);
        Assert.AreEqual("from here", await File.ReadAllTextAsync(Path.Combine(host.Output, "copy"), Token));
        Assert.Contains("Unix socket, files mounted", log);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_OnAzureWithASecret_HasItHiddenLineByLine()
    {
        using CommandLineHost host = new();
        host.Environment["TF_BUILD"] = "True";
        host.Environment["KEY"] = "first-line\nsecond;line]%";
        CommandLineResult result = await host.RunCommandAsync("true", Token, "--sensitive-env-var", "KEY");
        CollectionAssert.AreEqual(
            new[] { "first-line", "second;line]%" },
            AzureLog.Read(result.Output).Where(command => command.Name == "task.setsecret").Select(command => command.Data).ToArray()
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_OnGitHub_WritesTheFilesOfTheStep()
    {
        using CommandLineHost host = new();
        host.Environment["GITHUB_ACTIONS"] = "true";
        host.Environment["GITHUB_WORKSPACE"] = host.Root;
        host.Environment["GITHUB_OUTPUT"] = host.Write("step/output", "before=1\n");
        host.Environment["GITHUB_STEP_SUMMARY"] = host.Write("step/summary", "<b>before");
        CommandLineResult result = await host.RunCommandAsync("exit 2", Token);
        Assert.AreEqual(1, result.ExitCode);
        Dictionary<string, string> outputs = GitHubValues.Read(await File.ReadAllTextAsync(Path.Combine(host.Root, "step/output"), Token));
        Assert.AreEqual("1", outputs["before"]);
        Assert.AreEqual("agent_failed", outputs["verdict"]);
        Assert.AreEqual("2", outputs["exit-code"]);
        Assert.StartsWith("<b>before\n\n## ❌", await File.ReadAllTextAsync(Path.Combine(host.Root, "step/summary"), Token));
        Assert.Contains("IA6001", GitHubLog.Read(result.Output).Named("error").Single().Data);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_OnGitHubWithAFullSummary_SaysSoAndLeavesItAsItIs()
    {
        using CommandLineHost host = new();
        host.Environment["GITHUB_ACTIONS"] = "true";
        string summary = host.Write("summary", new string('x', 1023 * 1024));
        host.Environment["GITHUB_STEP_SUMMARY"] = summary;
        CommandLineResult result = await host.RunCommandAsync("true", Token);
        Assert.AreEqual(1023 * 1024, new FileInfo(summary).Length);
        Assert.Contains("no room", GitHubLog.Read(result.Output).Named("notice").Single().Data);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_FaceIsSwitchedOff_IsThePlainOne()
    {
        using CommandLineHost host = new();
        host.Environment["GITHUB_ACTIONS"] = "true";
        host.Environment["GITHUB_OUTPUT"] = host.Write("output-file", "");
        CommandLineResult result = await host.RunCommandAsync("exit 2", Token, "--ci", "none");
        result.AssertEnd(1, "IA6001");
        Assert.IsEmpty(GitHubLog.Read(result.Output).Commands);
        Assert.AreEqual("", await File.ReadAllTextAsync(Path.Combine(host.Root, "output-file"), Token));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_WrongOptionOnAHost_IsAnAnnotation()
    {
        using CommandLineHost host = new();
        host.Environment["GITHUB_ACTIONS"] = "true";
        CommandLineResult result = await host.Start("run", "agent.py", "--engine", "rocket").EndAsync(Token);
        Assert.AreEqual(2, result.ExitCode);
        Assert.Contains("IA1003", GitHubLog.Read(result.Output + result.Error).Named("error").Single().Data);
    }
}
