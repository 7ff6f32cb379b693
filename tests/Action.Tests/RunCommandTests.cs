using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Keys;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.Tests;

[TestClass]
public sealed class RunCommandTests
{
    public required TestContext TestContext { get; init; }

    [TestMethod]
    [DataRow("Nothing to run: write the agent's file or folder, or '--command TEXT'.", "run")]
    [DataRow("Nothing to run: write the agent's file or folder, or '--command TEXT'.", "run", "--", "a.py")]
    [DataRow("The agent 'a.py' and '--command' exclude each other; keep one of them.", "run", "a.py", "--command", "ls")]
    [DataRow("Unknown option '--polcy'; did you mean '--policy'.", "run", "--polcy", "x", "a.py")]
    [DataRow("Unknown option '--memory-mib'; did you mean '--memory-mb'.", "run", "a.py", "--memory-mib=4")]
    [DataRow(
        "Unknown option '--privileged'; '--help' lists the options, and the agent's own go behind '--'.",
        "run",
        "a.py",
        "--privileged"
    )]
    [DataRow("Unexpected argument 'b'; write the agent's own arguments behind '--'.", "run", "a.py", "b")]
    [DataRow("'--engine' must be 'auto', 'docker' or 'podman', but is 'lxc'.", "run", "a.py", "--engine", "lxc")]
    [DataRow("'--image' and '--base-image' both name the image; keep one of them.", "run", "a.py", "--image", "a", "--base-image", "b")]
    [DataRow("Required argument missing for option: '--memory-mb'.", "run", "a.py", "--memory-mb")]
    [DataRow(
        "Option '--memory-mb' expects a single argument but 2 were provided.",
        "run",
        "a.py",
        "--memory-mb",
        "64",
        "--memory-mb",
        "65"
    )]
    [DataRow("Unknown command 'rum'; write 'run', 'policy', 'audit', 'attest', 'clean' or 'doctor'.", "rum")]
    [DataRow("No command is given; write 'run', 'policy', 'audit', 'attest', 'clean' or 'doctor', or '--help' for more.")]
    [DataRow("No command is given; write 'check', 'schema', 'explain' or 'suggest', or '--help' for more.", "policy")]
    public async Task Invoke_WrongUsage_IsOneLineAndExitCode2(string message, params string[] args)
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(2, await fixture.InvokeAsync(TestContext.CancellationToken, args));
        Assert.AreEqual($"error IA1003: {message}\n", fixture.Error.ReplaceLineEndings("\n"));
        Assert.AreEqual("", fixture.Output);
        Assert.IsNull(fixture.Request);
    }

    [TestMethod]
    public async Task Run_EveryOwnOption_ReachesTheRequest()
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(
            0,
            await fixture.InvokeAsync(
                TestContext.CancellationToken,
                "run",
                "agents/review.py",
                "--policy",
                "p.json",
                "--image",
                "img",
                "--working-directory",
                "w",
                "--output-directory",
                "o",
                "--engine",
                "podman",
                "--report-directory",
                "r",
                "--environment",
                "A",
                "--environment",
                "B",
                "--",
                "--policy",
                "-x",
                "--",
                "@y"
            )
        );
        AgentRunRequest request = fixture.Request!;
        Assert.AreEqual("agents/review.py", request.Agent);
        Assert.IsNull(request.Command);
        Assert.AreSequenceEqual(["--policy", "-x", "--", "@y"], request.Arguments);
        Assert.AreEqual("p.json", request.PolicyFile);
        Assert.AreEqual(
            ("base_image", "img", "--image"),
            Assert.ContainsSingle(request.PolicyOverrides.Select(set => (set.Key, string.Join('|', set.Values), set.ParameterName)))
        );
        Assert.AreEqual("w", request.WorkingDirectory);
        Assert.AreEqual("o", request.OutputDirectory);
        Assert.AreEqual("r", request.ReportDirectory);
        Assert.AreEqual(EngineKind.Podman, request.Engine);
        Assert.AreSequenceEqual(["A", "B"], request.Environment);
        Assert.AreEqual(fixture.Folder, request.BaseDirectory);
        Assert.AreEqual("x", request.HostEnvironment["TOKEN"]);
    }

    [TestMethod]
    public async Task Run_Command_TakesAnyText()
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, "run", "--command", "echo a && -b", "--", "c"));
        Assert.AreEqual("echo a && -b", fixture.Request!.Command);
        Assert.IsNull(fixture.Request.Agent);
        Assert.AreSequenceEqual(["c"], fixture.Request.Arguments);
    }

    [TestMethod]
    public async Task Run_PolicyOptions_BecomeOverridesAsTyped()
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(
            0,
            await fixture.InvokeAsync(
                TestContext.CancellationToken,
                "run",
                "--pip-require-hashes",
                "a.py",
                "--memory-mb=64",
                "--allowed-endpoint",
                "a.example",
                "--allowed-endpoint",
                "b.example:443",
                "--npm-package",
                "@scope/x@1",
                "--telemetry-level",
                "debug",
                "--telemetry-format",
                "json",
                "--telemetry-enabled",
                "false",
                "--env-var",
                "A=b=c"
            )
        );
        Assert.AreEqual("a.py", fixture.Request!.Agent);
        Assert.AreSequenceEqual(
            [
                "--memory-mb memory_mb=64",
                "--allowed-endpoint network.allowed_endpoints=a.example|b.example:443",
                "--env-var env_vars=A=b=c",
                "--pip-require-hashes pip_require_hashes=true",
                "--npm-package npm_packages=@scope/x@1",
                "--telemetry-enabled telemetry_enabled=false",
                "--telemetry-level telemetry_level=debug",
                "--telemetry-format telemetry_format=json",
            ],
            fixture.Request.PolicyOverrides.Select(set => $"{set.ParameterName} {set.Key}={string.Join('|', set.Values)}")
        );
    }

    [TestMethod]
    public async Task Run_EveryPolicyKey_HasAnOption()
    {
        foreach (PolicyKey key in PolicyKeys.All)
        {
            using CommandLineFixture fixture = new();
            string value = key.Kind == PolicyKeyKind.Flag ? "true" : "1";
            Assert.AreEqual(
                0,
                await fixture.InvokeAsync(TestContext.CancellationToken, "run", "a.py", key.OptionName, value),
                fixture.Error
            );
            PolicyOverride set = Assert.ContainsSingle(fixture.Request!.PolicyOverrides);
            Assert.AreEqual(key.Name, set.Key);
            Assert.AreSequenceEqual([value], set.Values);
            Assert.AreEqual(key.OptionName, set.ParameterName);
        }
    }

    [TestMethod]
    public async Task Run_Failure_GivesItsExitCodeAndItsLines()
    {
        using CommandLineFixture fixture = new();
        fixture.Result = new AgentRunResult
        {
            Verdict = Verdict.Timeout,
            Diagnostics =
            [
                new Diagnostic("IA4001", DiagnosticSeverity.Error, "The agent ran too long.")
                {
                    File = "p.json",
                    Line = 2,
                    Column = 3,
                },
                new Diagnostic("IA4002", DiagnosticSeverity.Warning, "Memory is near its limit."),
            ],
        };
        Assert.AreEqual(124, await fixture.InvokeAsync(TestContext.CancellationToken, "run", "a.py"));
        Assert.AreEqual(
            "p.json(2,3): error IA4001: The agent ran too long.\nwarning IA4002: Memory is near its limit.\n",
            fixture.Error.ReplaceLineEndings("\n")
        );
        Assert.AreEqual("", fixture.Output);
    }

    [TestMethod]
    public async Task Run_Cancelled_StillGivesTheRunnersOutcome()
    {
        using CommandLineFixture fixture = new();
        fixture.Result = new AgentRunResult { Verdict = Verdict.Cancelled };
        using CancellationTokenSource source = new();
        await source.CancelAsync();
        Assert.AreEqual(130, await fixture.InvokeAsync(source.Token, "run", "a.py"));
        Assert.IsTrue(fixture.SawCancellation);
    }

    [TestMethod]
    public async Task Help_OfRun_NamesEveryOption()
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, "run", "--help"));
        Assert.Contains("isolated-agents run", fixture.Output);
        foreach (PolicyKey key in PolicyKeys.All)
        {
            Assert.Contains(key.OptionName + " ", fixture.Output);
        }
    }

    [TestMethod]
    [DataRow("--help")]
    [DataRow("policy", "--help")]
    [DataRow("policy", "check", "--help")]
    [DataRow("--version")]
    public async Task Help_Everywhere_IsExitCode0(params string[] args)
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, args));
        Assert.AreNotEqual("", fixture.Output);
        Assert.AreEqual("", fixture.Error);
    }
}
