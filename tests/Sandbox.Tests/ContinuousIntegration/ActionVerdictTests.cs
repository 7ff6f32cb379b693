using System.Text.Json;
using System.Xml.Linq;
using IsolatedAgents.HostGrammar;

namespace IsolatedAgents.Sandbox.Tests.ContinuousIntegration;

/// <summary>The action as the runner builds and starts it: every verdict, and what later steps read of it.</summary>
[TestClass]
public sealed class ActionVerdictTests
{
    private const int Minutes = 3 * 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Action_Passes_OutputsSummaryAndOwnersAreRight()
    {
        using ActionStep step = new();
        step.Write("source.txt", "from the workspace");
        step.Inputs["command"] = "cat /workspace/source.txt > /output/copy.txt";
        step.Inputs["output-directory"] = "made/review";
        ActionOutcome outcome = await step.RunAsync(Token);

        Assert.AreEqual(0, outcome.ExitCode, outcome.Raw);
        Assert.IsEmpty(outcome.Errors);
        Assert.AreEqual("passed", outcome.Outputs["verdict"]);
        Assert.AreEqual("0", outcome.Outputs["exit-code"]);
        Assert.AreEqual("[]", outcome.Outputs["violations"]);
        Assert.HasCount(32, outcome.Outputs["session-id"]);
        Assert.IsGreaterThan(0, double.Parse(outcome.Outputs["duration-seconds"], System.Globalization.CultureInfo.InvariantCulture));
        JsonElement artifact = JsonDocument.Parse(outcome.Outputs["artifacts"]).RootElement[0];
        Assert.AreEqual("made/review/copy.txt", artifact.GetProperty("path").GetString());
        Assert.AreEqual("from the workspace", await File.ReadAllTextAsync(step.Open(artifact.GetProperty("path").GetString()!), Token));
        Assert.IsTrue(File.Exists(step.Open(outcome.Outputs["sarif"])), outcome.Outputs["sarif"]);
        Assert.IsTrue(File.Exists(step.Open(outcome.Outputs["audit-log"])), outcome.Outputs["audit-log"]);
        Assert.Contains("## ✅ Isolated agent: passed", outcome.Summary);
        Assert.IsTrue(outcome.Log.Named("group").Any(group => group.Data == "Run the agent"));
        Assert.AreEqual(outcome.Log.Named("group").Count(), outcome.Log.Named("endgroup").Count());
        Assert.IsFalse(outcome.Log.IsStopped);
        // What the step made belongs to the user that the rest of the job runs as, up to the folders.
        foreach (
            string made in new[]
            {
                "made",
                "made/review",
                "made/review/copy.txt",
                outcome.Outputs["sarif"],
                Path.GetDirectoryName(outcome.Outputs["sarif"])!,
            }
        )
        {
            Assert.AreEqual(1001, Platform.Files.FileIdentity.Owner(step.Open(made))?.UserId, made);
        }
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("", DisplayName = "host name is the id")]
    [DataRow("chosen", DisplayName = "host name was chosen")]
    public async Task Action_Workspace_IsMountedByTheHostsPathAndReachedOverTheSocket(string hostName)
    {
        using ActionStep step = new();
        if (hostName.Length > 0)
        {
            step.Options.AddRange(["--hostname", hostName]);
        }

        ActionOutcome outcome = await step.RunAsync(Token);
        Assert.AreEqual(0, outcome.ExitCode, outcome.Raw);
        JsonElement provisioned = step.Events(outcome)
            .Single(raised => raised.GetProperty("event.name").GetString() == "container.provisioning");
        Assert.AreEqual("Unix socket, files mounted", provisioned.GetProperty("isolated_agents.transport").GetString());
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow(null, "Unix socket, files mounted", DisplayName = "the runner's variable is right")]
    [DataRow("/nowhere", "Attached streams, files copied", DisplayName = "the runner's variable names no folder")]
    public async Task Action_EngineThatDoesNotKnowTheContainer_StillGetsTheWorkspace(string? runnerWorkspace, string route)
    {
        using ActionStep step = new();
        step.Write("source.txt", "from the workspace");
        step.Inputs["command"] = "cat /workspace/source.txt";
        step.HideContainerId();
        step.RunnerWorkspace = runnerWorkspace ?? step.RunnerWorkspace;
        ActionOutcome outcome = await step.RunAsync(Token);
        Assert.AreEqual(0, outcome.ExitCode, outcome.Raw);
        Assert.IsTrue(outcome.Log.Text.Any(line => line.Contains("from the workspace", StringComparison.Ordinal)), outcome.Raw);
        Assert.Contains(route, outcome.Raw);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Action_WorkspaceOfAnotherJob_IsNeverShown()
    {
        using ActionStep step = new();
        step.Inputs["command"] = "cat /workspace/source.txt";
        step.HideContainerId();
        step.UseWorkspaceOfAnotherJob("source.txt", "another job's");
        ActionOutcome outcome = await step.RunAsync(Token);
        Assert.AreEqual("engine_error", outcome.Outputs["verdict"], outcome.Raw);
        Assert.Contains("IA2004", Assert.ContainsSingle(outcome.Errors));
        Assert.DoesNotContain("another job's", outcome.Raw);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("exit 7", 1, "agent_failed", "7", "IA6001", "")]
    [DataRow("echo x > /etc/made; true", 3, "policy_violation", "0", "IA3001", "")]
    [DataRow("nc -w 5 192.0.2.1 80 < /dev/null; true", 3, "policy_violation", "0", "IA3002", "")]
    [DataRow("ln -s /etc/passwd /output/link", 3, "policy_violation", "0", "IA3004", "")]
    [DataRow("sleep 600", 124, "timeout", "124", "IA4001", "timeout-seconds=1")]
    [DataRow("dd if=/dev/zero of=/output/big bs=1k count=300", 4, "output_limit_exceeded", "0", "IA4003", "max-output-bytes=100000")]
    [DataRow("x=x; while true; do x=$x$x; done", 137, "out_of_memory", "137", "IA4002", "memory-mb=32")]
    [DataRow("true", 6, "engine_error", "6", "IA2002", "image=isolated-agents/there-is-none:latest")]
    [DataRow("true", 2, "configuration_error", "2", "IA1003", "memory-mb=much")]
    [DataRow("true", 2, "configuration_error", "2", "IA1003", "engine=rocket")]
    [DataRow("true", 2, "configuration_error", "2", "IA1002", "command=;agent=no/such.py")]
    public async Task Action_EveryVerdict_IsAnExitCodeOneErrorAndTheSameOutputs(
        string command,
        int exitCode,
        string verdict,
        string agentCode,
        string code,
        string inputs
    )
    {
        using ActionStep step = new();
        step.Inputs["command"] = command;
        foreach (string[] input in inputs.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(input => input.Split('=', 2)))
        {
            step.Inputs[input[0]] = input[1];
        }

        ActionOutcome outcome = await step.RunAsync(Token);
        Assert.AreEqual(exitCode, outcome.ExitCode, outcome.Raw);
        Assert.AreEqual(verdict, outcome.Outputs["verdict"], outcome.Raw);
        Assert.AreEqual(agentCode, outcome.Outputs["exit-code"], outcome.Raw);
        HostCommand error = Assert.ContainsSingle(outcome.Log.Named("error"), outcome.Raw);
        Assert.Contains(code, error.Data);
        if (verdict != "configuration_error")
        {
            Assert.Contains(verdict.Replace("_", "\\_", StringComparison.Ordinal), outcome.Summary);
            XDocument junit = XDocument.Load(
                Path.Combine(Path.GetDirectoryName(step.Open(outcome.Outputs["report"]))!, "results.junit.xml")
            );
            Assert.AreEqual(1, junit.Descendants("failure").Count() + junit.Descendants("error").Count());
        }
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Action_ForkBomb_IsPidsExhausted()
    {
        using ActionStep step = new();
        step.Write("policy.json", """{ "pids_limit": 16, "fail_on": ["pids"] }""");
        step.Inputs["command"] = "for i in $(seq 64); do sleep 5 & done; true";
        step.Inputs["policy"] = "policy.json";
        ActionOutcome outcome = await step.RunAsync(Token);
        Assert.AreEqual("pids_exhausted", outcome.Outputs["verdict"], outcome.Raw);
        Assert.AreEqual(135, outcome.ExitCode);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Action_RunOfSomeSeconds_ShowsLimitsTimelineAndAChartOfItsFigures()
    {
        using ActionStep step = new();
        step.Write("policy.json", """{ "resource_monitor_interval": 0.5, "memory_mb": 64 }""");
        step.Inputs["policy"] = "policy.json";
        step.Inputs["command"] = "sleep 3";
        ActionOutcome outcome = await step.RunAsync(Token);
        Assert.AreEqual(0, outcome.ExitCode, outcome.Raw);
        string[] chart =
        [
            .. outcome
                .Summary[outcome.Summary.IndexOf("```mermaid\nxychart-beta\n", StringComparison.Ordinal)..]
                .Split('\n')
                .TakeWhile(line => line != "```")
                .Where(line => line.TrimStart().StartsWith("line [", StringComparison.Ordinal)),
        ];
        Assert.HasCount(2, chart, outcome.Summary);
        Assert.IsTrue(chart.All(line => line.Count(character => character == ',') > 2), outcome.Summary);
        foreach (
            string heading in new[] { "### Limits", "64 MB", "<summary>Timeline</summary>", "agent.completed", "<summary>Run</summary>" }
        )
        {
            Assert.Contains(heading, outcome.Summary);
        }
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Action_Violation_IsAnnotatedAtThePolicysLine()
    {
        using ActionStep step = new();
        step.Write(
            "config/policy.json",
            "{\n  \"cpu_cores\": 1,\n  \"filesystem\": {\n    \"allowed_write_paths\": [\"/scratch\"]\n  }\n}\n"
        );
        step.Inputs["policy"] = "config/policy.json";
        step.Inputs["command"] = "echo x > /etc/made; true";
        ActionOutcome outcome = await step.RunAsync(Token);
        HostCommand error = Assert.ContainsSingle(outcome.Log.Named("error"), outcome.Raw);
        Assert.AreEqual("config/policy.json", error.Property("file"));
        Assert.AreEqual("4", error.Property("line"));
        Assert.Contains("/etc/made", error.Data);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Action_RunnersVariablesAndTokens_NeverReachTheSandbox()
    {
        using ActionStep step = new();
        step.Variables["PASSED"] = "this one";
        step.Inputs["environment"] = "PASSED";
        step.Inputs["command"] = "env > /output/environment; cat /proc/*/environ >> /output/environment 2>/dev/null; true";
        step.Inputs["output-directory"] = "out";
        step.Inputs["fail-on"] = "exit_code";
        ActionOutcome outcome = await step.RunAsync(Token);
        string environment = await File.ReadAllTextAsync(step.Open("out/environment"), Token);
        Assert.Contains("PASSED=this one", environment);
        foreach (string secret in ActionStep.Tokens)
        {
            Assert.DoesNotContain(secret, environment);
            Assert.DoesNotContain(secret, outcome.Raw);
        }

        // Besides what it was told to pass: our own, the image's and the shell's.
        string[] names =
        [
            .. environment
                .Split('\n', '\0')
                .Where(line => line.Contains('=', StringComparison.Ordinal))
                .Select(line => line.Split('=')[0])
                .Distinct(),
        ];
        Assert.IsEmpty(
            names.Where(name =>
                name.StartsWith("GITHUB", StringComparison.Ordinal)
                || name.StartsWith("ACTIONS", StringComparison.Ordinal)
                || name.StartsWith("RUNNER", StringComparison.Ordinal)
                || name.StartsWith("INPUT_", StringComparison.Ordinal)
                || name == "CI"
            ),
            string.Join(' ', names)
        );
    }
}
