using System.Collections.Frozen;
using System.Collections.Immutable;
using IsolatedAgents.Execution;
using IsolatedAgents.Hosts;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.Tests.Hosts;

/// <summary>A host that the product does not know is one class and one registration.</summary>
[TestClass]
public sealed class HostRegistrationTests
{
    public required TestContext TestContext { get; set; }

    [TestMethod]
    [DataRow("auto", "true", true)]
    [DataRow("night-build", "", true)]
    [DataRow("none", "true", false)]
    [DataRow("auto", "", false)]
    public async Task HostOfItsOwn_ShowsTheRun(string word, string variable, bool isShown)
    {
        using CommandLineFixture fixture = new();
        Terminal terminal = fixture.Terminal with
        {
            Hosts = new BuildHosts([.. BuildHosts.Known.All, new NightBuild()]),
            Environment = new Dictionary<string, string> { ["NIGHT_BUILD"] = variable }.ToFrozenDictionary(),
        };

        int exitCode = await fixture.InvokeAsync(terminal, TestContext.CancellationToken, "run", "--command", "true", "--ci", word);

        Assert.AreEqual(0, exitCode, fixture.Error);
        Assert.AreEqual(isShown ? "night: passed\n" : "", fixture.Output);
    }

    [TestMethod]
    public async Task UnknownHost_TheMessageListsThoseThatAreRegistered()
    {
        using CommandLineFixture fixture = new();
        Terminal terminal = fixture.Terminal with { Hosts = new BuildHosts([new NightBuild()]) };

        Assert.AreEqual(2, await fixture.InvokeAsync(terminal, TestContext.CancellationToken, "run", "--command", "true", "--ci", "azure"));

        Assert.Contains("'--ci' must be 'auto', 'night-build' or 'none', but is 'azure'.", fixture.Error);
    }

    [TestMethod]
    [DataRow("TF_BUILD", "True", "azure")]
    [DataRow("TF_BUILD", "1", null)]
    [DataRow("GITHUB_ACTIONS", "true", "github")]
    [DataRow("GITHUB_STEP_SUMMARY", "file", null)]
    public void KnownHosts_AreFoundByOneVariable(string variable, string value, string? expected) =>
        Assert.AreEqual(expected, BuildHosts.Known.Find(new Dictionary<string, string> { [variable] = value }.ToFrozenDictionary())?.Name);

    private sealed class NightBuild : BuildHost
    {
        public override string Name => "night-build";

        public override string TemporaryFolderVariable => "NIGHT_BUILD_TEMP";

        public override bool IsPresent(FrozenDictionary<string, string> environment) => IsTrue(environment, "NIGHT_BUILD");

        public override IHostLog Open(HostLogContext context) => new NightLog(context.Log);

        public override void GiveSummary(RunReport report, FrozenDictionary<string, string> environment, Action<string> log) { }
    }

    private sealed class NightLog(CommandWriter log) : IHostLog
    {
        public void Mask(ImmutableArray<string> secrets) { }

        public void Begin(Phase phase) { }

        public void End() { }

        public void Report(RunOutcome outcome) => log.Line($"night: {outcome.Result.Verdict.Name()}");
    }
}
