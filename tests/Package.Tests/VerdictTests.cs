namespace IsolatedAgents.Package.Tests;

/// <summary>
/// Every verdict once, as a build shows it: one error, of the right code, at the right place; and the outputs of the step.
/// </summary>
[TestClass]
public sealed class VerdictTests
{
    private const int Minutes = 120_000;
    private const string Busybox = $"Image=\"{ConsumerProject.BusyboxImage}\"";
    private const string Puppet = $"Agent=\"puppet.py\" Image=\"{ConsumerProject.PythonImage}\"";

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Step_Passes_GivesEveryOutput()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step(
                $"Command=\"echo hello; echo data > /output/result.txt\" OutputDirectory=\"out/\" ReportDirectory=\"report\" AuditLog=\"audit.jsonl\" {Busybox}"
            )
        );
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertPassed();
        Assert.Contains(line => line.Contains("| hello", StringComparison.Ordinal), build.Lines);
        Assert.AreEqual("0", project.Output("ExitCode").Single());
        Assert.AreEqual("passed", project.Output("Verdict").Single());
        Assert.IsEmpty(project.Output("Violation"));
        Assert.AreEqual(
            $"{project.PathOf("out/result.txt")}|result.txt|5|6667b2d1aab6a00caa5aee5af8ad9f1465e567abf1c209d15727d57b3e8f6e5f",
            project.Output("Artifact").Single()
        );
        Assert.AreEqual("data\n", project.Read("out/result.txt"));
        Assert.AreEqual(project.PathOf("report/session.jsonl"), project.Output("ReportFile").Single());
        string session = project.Output("SessionId").Single();
        Assert.IsTrue(Guid.TryParseExact(session, "N", out _), session);
        Assert.Contains(session, project.Read("report/session.jsonl"));
        Assert.AreNotEqual("", project.Read("audit.jsonl"));
        Assert.IsGreaterThan(0.0, double.Parse(project.Output("Duration").Single(), System.Globalization.CultureInfo.InvariantCulture));
    }

    [TestMethod]
    [DataRow("Command=\"exit 3\"", "IA6001", "agent_failed", "3", DisplayName = "Step_AgentExits3_IsIA6001")]
    [DataRow("Command=\"kill -SEGV $$\"", "IA6002", "agent_failed", "1", DisplayName = "Step_AgentDiesOfASignal_IsIA6002")]
    [DataRow(
        "Command=\"true\" MemoryMb=\"lots\"",
        "IA1003",
        "configuration_error",
        "2",
        DisplayName = "Step_PolicyParameterIsWrong_IsIA1003"
    )]
    [DataRow("Agent=\"absent.py\"", "IA1002", "configuration_error", "2", DisplayName = "Step_AgentIsAbsent_IsIA1002")]
    [DataRow("Agent=\"puppet.py\" Command=\"true\"", "IA1003", "configuration_error", "2", DisplayName = "Step_AgentAndCommand_IsIA1003")]
    [DataRow(
        "Command=\"true\" Engine=\"embedded\"",
        "IA1003",
        "configuration_error",
        "2",
        DisplayName = "Step_EngineOfLaterVersions_IsIA1003"
    )]
    [DataRow(
        "Command=\"true\" AuditLog=\"policy.json/audit.jsonl\"",
        "IA1003",
        "configuration_error",
        "2",
        DisplayName = "Step_AuditLogCannotBeWritten_IsIA1003"
    )]
    [DataRow(
        "Command=\"true\" PipPackages=\"six\"",
        "IA1001",
        "configuration_error",
        "2",
        DisplayName = "Step_ParameterAsksForWhatNoRunHas_IsIA1001"
    )]
    [DataRow("Command=\"sleep 60\" TimeoutSeconds=\"1\"", "IA4001", "timeout", "124", DisplayName = "Step_AgentTakesTooLong_IsIA4001")]
    [DataRow(
        "Command=\"head -c 2000000 /dev/zero > /output/big\" MaxOutputBytes=\"1000\" OutputDirectory=\"out\"",
        "IA4003",
        "output_limit_exceeded",
        "0",
        DisplayName = "Step_OutputIsTooLarge_IsIA4003"
    )]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Step_Fails_IsOneErrorAtTheStep(string attributes, string code, string verdict, string exitCode)
    {
        using ConsumerProject project = new(ConsumerProject.Step($"{attributes} {Busybox}"));
        project.Write("policy.json", "{}");
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed(code, project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        AssertOutputs(project, verdict, exitCode);
    }

    [TestMethod]
    [DataRow("memory 400", "MemoryMb=\"64\"", "IA4002", "out_of_memory", "137", DisplayName = "Step_AgentNeedsTooMuchMemory_IsIA4002")]
    [DataRow("forkbomb 1000", "PidsLimit=\"32\"", "IA4004", "pids_exhausted", "0", DisplayName = "Step_AgentForksTooOften_IsIA4004")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Step_PuppetHitsALimit_IsOneErrorAtTheStep(string verb, string limit, string code, string verdict, string exitCode)
    {
        using ConsumerProject project = new(ConsumerProject.Step($"{Puppet} Arguments=\"{verb.Replace(' ', ';')}\" {limit}"));
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed(code, project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        AssertOutputs(project, verdict, exitCode);
    }

    [TestMethod]
    [DataRow(
        "{\n  // limits\n  \"memory_mb\": 64,\n  \"memory_mbs\": 64\n}\n",
        "\"memory_mbs\"",
        "IA1001",
        "configuration_error",
        "2",
        DisplayName = "Step_PolicyHasAnUnknownKey_IsIA1001"
    )]
    [DataRow(
        "{\n  \"npm_packages\": [\"left-pad\"]\n}\n",
        "\"npm_packages\"",
        "IA1001",
        "configuration_error",
        "2",
        DisplayName = "Step_PolicyAsksForWhatNoRunHas_IsIA1001"
    )]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Step_PolicyFileIsRefused_IsOneErrorInThePolicyFile(
        string policy,
        string place,
        string code,
        string verdict,
        string exitCode
    )
    {
        using ConsumerProject project = new(ConsumerProject.Step($"Command=\"true\" PolicyFile=\"policy.json\" {Busybox}"));
        project.Write("policy.json", policy);
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed(code, project.PathOf("policy.json"), project.PlaceOf(place, "policy.json"));
        AssertOutputs(project, verdict, exitCode);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Step_NoEngineAnswers_IsIA2001()
    {
        using ConsumerProject project = new(ConsumerProject.Step($"Command=\"true\" {Busybox}"));
        project.Environment["DOCKER_HOST"] = $"unix://{project.PathOf("absent.sock")}";
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed("IA2001", project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        AssertOutputs(project, "engine_error", "6");
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Step_ImageCannotBeHad_IsIA2002()
    {
        // Nothing listens on the port of this registry.
        using ConsumerProject project = new(ConsumerProject.Step("Command=\"true\" Image=\"localhost:1/isolated-agents/absent:latest\""));
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed("IA2002", project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        AssertOutputs(project, "engine_error", "6");
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Step_OutputIsRejected_IsIA3004AndAViolation()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step($"Command=\"echo good > /output/good; ln -s /etc/shadow /output/link\" OutputDirectory=\"out\" {Busybox}")
        );
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed("IA3004", project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        AssertOutputs(project, "policy_violation", "0");
        string[] violation = project.Output("Violation").Single().Split('|');
        Assert.AreEqual("output", violation[0]);
        Assert.AreNotEqual("", violation[1], "Rule");
        Assert.AreEqual("link", violation[2]);
        Assert.AreNotEqual("", violation[3], "Action");
        Assert.Contains("|good|5|", project.Output("Artifact").Single());
    }

    private static void AssertOutputs(ConsumerProject project, string verdict, string exitCode)
    {
        Assert.AreEqual(verdict, project.Output("Verdict").Single());
        Assert.AreEqual(exitCode, project.Output("ExitCode").Single());
    }
}
