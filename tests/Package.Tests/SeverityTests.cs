namespace IsolatedAgents.Package.Tests;

/// <summary>What a build makes of our errors and warnings is the build's own decision, by code.</summary>
[TestClass]
public sealed class SeverityTests
{
    private const int Minutes = 120_000;

    // Fails by itself, and counts as a warning.
    private const string Warning = $"Command=\"exit 3\" FailOn=\"timeout\" Image=\"{ConsumerProject.BusyboxImage}\"";

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task WarnAndContinue_StepFails_IsAWarningAndTheOutputsAreSet()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step(
                $"Command=\"echo x > /output/x; exit 3\" OutputDirectory=\"out\" Image=\"{ConsumerProject.BusyboxImage}\"",
                "WarnAndContinue"
            )
        );
        BuildOutcome build = await project.BuildStepAsync(Token);

        Assert.AreEqual(0, build.ExitCode, build.Text);
        Assert.IsEmpty(build.Errors);
        Assert.AreEqual("IA6001", Assert.ContainsSingle(build.Warnings).Code);
        Assert.AreEqual("agent_failed", project.Output("Verdict").Single());
        Assert.AreEqual("3", project.Output("ExitCode").Single());
        Assert.AreNotEqual("", project.Output("SessionId").Single());
        Assert.HasCount(1, project.Output("Artifact"));
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task ErrorAndStop_StepFails_StopsTheTarget()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step($"Command=\"exit 3\" Image=\"{ConsumerProject.BusyboxImage}\"", "ErrorAndStop")
        );
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed("IA6001");
        Assert.IsFalse(File.Exists(project.PathOf("step.txt")));
    }

    [TestMethod]
    [DataRow("", 1, 0, DisplayName = "Warning_Alone_StaysOne")]
    [DataRow("-p:TreatWarningsAsErrors=true", 0, 1, DisplayName = "Warning_TreatWarningsAsErrors_IsAnError")]
    [DataRow("-p:TreatWarningsAsErrors=true -p:NoWarn=IA6001", 0, 0, DisplayName = "Warning_TreatWarningsAsErrorsAndNoWarn_IsAMessage")]
    [DataRow(
        "-p:TreatWarningsAsErrors=true -p:WarningsNotAsErrors=NU1901%3BIA6001",
        1,
        0,
        DisplayName = "Warning_TreatWarningsAsErrorsButNotThis_StaysOne"
    )]
    [DataRow("-p:MSBuildWarningsAsErrors=IA6001", 0, 1, DisplayName = "Warning_WarningsAsErrorsByCode_IsAnError")]
    [DataRow("-p:MSBuildWarningsAsMessages=IA6001", 0, 0, DisplayName = "Warning_WarningsAsMessagesByCode_IsAMessage")]
    [DataRow("-p:NoWarn=IA6001", 0, 0, DisplayName = "Warning_NoWarnByCode_IsAMessage")]
    [DataRow("-p:NoWarn=IA6002", 1, 0, DisplayName = "Warning_NoWarnOfAnotherCode_StaysOne")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Warning_BuildDecides_BecomesThat(string properties, int warnings, int errors)
    {
        using ConsumerProject project = new(ConsumerProject.Step(Warning));
        BuildOutcome build = await project.BuildStepAsync(Token, properties.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.AreEqual(errors == 0 ? 0 : 1, build.ExitCode, build.Text);
        Assert.HasCount(warnings, build.Warnings, build.Text);
        Assert.HasCount(errors, build.Errors, build.Text);
        Assert.IsTrue(build.Warnings.All(warning => warning.Code == "IA6001"));
        Assert.IsTrue(build.Errors.All(error => error.Code == "IA6001"));
        Assert.AreEqual("passed", project.Output("Verdict").Single());
    }

    /// <summary>Each code of the product, as a warning in a real build, with a code of somebody else's beside it.</summary>
    [TestMethod]
    [DataRow("", "warning")]
    [DataRow("-p:TreatWarningsAsErrors=true", "error")]
    [DataRow("-p:NoWarn={0}", "message")]
    [DataRow("-p:TreatWarningsAsErrors=true -p:NoWarn={0}", "message")]
    [DataRow("-p:TreatWarningsAsErrors=true -p:WarningsNotAsErrors={0}", "warning")]
    [DataRow("-p:TreatWarningsAsErrors=true -p:TargetFrameworks=net10.0 -p:TargetFramework=", "error")]
    [DataRow("-p:NoWarn={0} -p:TargetFrameworks=net10.0 -p:TargetFramework=", "message")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task EveryCode_AsAWarning_BecomesWhatTheBuildSays(string properties, string severity)
    {
        string[] codes = [.. PackageFeed.Metadata("Codes").Split(';')];
        using ConsumerProject project = new(
            $"""
              <ItemGroup><TestCode Include="{string.Join(';', codes)};XX1000" /></ItemGroup>
              <Target Name="Step"><Warning Code="%(TestCode.Identity)" Text="%(TestCode.Identity)" ContinueOnError="true" /></Target>
            """
        );
        BuildOutcome build = await project.BuildStepAsync(
            Token,
            string.Format(System.Globalization.CultureInfo.InvariantCulture, properties, string.Join("%3B", codes))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)
        );

        string all = string.Join(' ', codes);
        Assert.AreEqual(severity == "error" ? all : "", string.Join(' ', build.Errors.Select(error => error.Code)), build.Text);
        Assert.AreEqual(
            severity == "warning" ? $"{all} XX1000" : "XX1000",
            string.Join(' ', build.Warnings.Select(warning => warning.Code)),
            build.Text
        );
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task MemoryNearTheLimit_TreatWarningsAsErrors_IsOneError()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step(
                $"Agent=\"puppet.py\" Arguments=\"memory;60;3\" Image=\"{ConsumerProject.PythonImage}\" MemoryMb=\"96\" MemoryThresholdPercent=\"40\" ResourceMonitorInterval=\"1\""
            )
        );
        BuildOutcome build = await project.BuildStepAsync(Token, "-p:TreatWarningsAsErrors=true");

        build.AssertFailed("IA4002", project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        Assert.AreEqual("passed", project.Output("Verdict").Single());
    }
}
