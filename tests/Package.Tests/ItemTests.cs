namespace IsolatedAgents.Package.Tests;

/// <summary>Agents that are items of a project: when they run, when they do not, and what is left behind.</summary>
[TestClass]
public sealed class ItemTests
{
    private const int Minutes = 180_000;

    private const string ShowArtifacts = """
          <Target Name="Show" AfterTargets="RunIsolatedAgents">
            <Message Importance="high" Text="Artifact: %(IsolatedAgentArtifact.Filename)%(IsolatedAgentArtifact.Extension) %(IsolatedAgentArtifact.Size)" Condition="'@(IsolatedAgentArtifact)' != ''" />
          </Target>
        """;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_TwoItems_RunAfterTheCompilerEachOnce()
    {
        using ConsumerProject project = new($"{Item("first.sh", "Arguments=\"one;two words\"")}{Item("second.sh")}{ShowArtifacts}");
        project.Write(
            "first.sh",
            "test -f \"$ISOLATED_AGENTS_WORKSPACE/bin/Debug/net10.0/app.dll\" || exit 9\necho \"$# $2\" > /output/first.txt\n"
        );
        project.Write("second.sh", "echo second > /output/second.txt\n");
        BuildOutcome build = await project.BuildAsync(Token);

        build.AssertPassed();
        Assert.AreEqual(2, build.Steps);
        Assert.AreEqual("2 two words\n", project.Read("out-first.sh/first.txt"));
        Assert.Contains("  Artifact: first.txt 12", build.Lines);
        Assert.Contains("  Artifact: second.txt 7", build.Lines);

        BuildOutcome clean = await project.BuildAsync(Token, "-t:Clean");
        clean.AssertPassed();
        Assert.AreEqual(0, clean.Steps);
        Assert.IsFalse(File.Exists(project.PathOf("out-first.sh/first.txt")));
        Assert.IsFalse(File.Exists(project.PathOf("out-second.sh/second.txt")));
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_ItemWithALimit_KeepsIt()
    {
        using ConsumerProject project = new(Item("agent.sh", "TimeoutSeconds=\"1\""));
        project.Write("agent.sh", "sleep 60\n");
        BuildOutcome build = await project.BuildAsync(Token, "-t:RunIsolatedAgents");

        Assert.EndsWith("IsolatedAgents.Tasks.targets", build.AssertFailed("IA4001").File);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_ItemWithInputs_RunsOnlyWhenSomethingChanged()
    {
        using ConsumerProject project = new($"{Item("agent.sh", "Policy=\"policy.json\" Inputs=\"data/**/*.txt\"")}{ShowArtifacts}");
        project.Write("agent.sh", "cat \"$ISOLATED_AGENTS_WORKSPACE\"/data/*.txt > /output/all.txt\n");
        project.Write("policy.json", "{ \"memory_mb\": 64 }");
        project.Write("data/a.txt", "a\n");
        await AssertRunsAsync("the first time", runs: true);
        await AssertRunsAsync("unchanged", runs: false);

        project.Write("data/a.txt", "b\n");
        await AssertRunsAsync("a changed input", runs: true);
        project.Write("data/b.txt", "c\n");
        await AssertRunsAsync("a new input", runs: true);
        File.Delete(project.PathOf("data/b.txt"));
        await AssertRunsAsync("an input that went", runs: true);
        project.Write("policy.json", "{ \"memory_mb\": 65 }");
        await AssertRunsAsync("a changed policy", runs: true);
        project.Write("agent.sh", project.Read("agent.sh") + "exit 0\n");
        await AssertRunsAsync("a changed agent", runs: true);
        File.Delete(project.PathOf("out-agent.sh/all.txt"));
        await AssertRunsAsync("an output that went", runs: true);
        await AssertRunsAsync("unchanged again", runs: false);

        (await project.BuildAsync(Token, "-t:Clean")).AssertPassed();
        Assert.IsFalse(File.Exists(project.PathOf("out-agent.sh/all.txt")));
        await AssertRunsAsync("after Clean", runs: true);

        async Task AssertRunsAsync(string what, bool runs)
        {
            BuildOutcome build = await project.BuildAsync(Token, "-t:RunIsolatedAgents");
            build.AssertPassed();
            Assert.AreEqual(runs ? 0 : 1, build.Skipped, $"{what}\n{build.Text}");
            Assert.Contains(line => line.StartsWith("  Artifact: all.txt", StringComparison.Ordinal), build.Lines, what);
            Assert.IsTrue(File.Exists(project.PathOf("out-agent.sh/all.txt")), what);
        }
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_ItemFailsAndNothingChanges_FailsAgain()
    {
        using ConsumerProject project = new(Item("agent.sh", "Inputs=\"Code.cs\""));
        project.Write("agent.sh", "exit 4\n");
        (await project.BuildAsync(Token, "-t:RunIsolatedAgents")).AssertFailed("IA6001");
        (await project.BuildAsync(Token, "-t:RunIsolatedAgents")).AssertFailed("IA6001");
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_SeveralTargetFrameworks_RunsOnce()
    {
        using ConsumerProject project = new(Item("agent.sh"), "<TargetFrameworks>net10.0;netstandard2.1</TargetFrameworks>");
        project.Write("agent.sh", "echo once > /output/once.txt\n");
        project.UseUserPackages();
        BuildOutcome build = await project.StartLogged("build", PackageFeed.ProjectName).CompleteAsync(Token);

        build.AssertPassed();
        Assert.AreEqual(1, build.Steps);
        Assert.IsTrue(File.Exists(project.PathOf("bin/Debug/netstandard2.1/app.dll")));
        Assert.AreEqual("once\n", project.Read("out-agent.sh/once.txt"));

        (await project.BuildAsync(Token, "-t:Clean")).AssertPassed();
        Assert.IsFalse(File.Exists(project.PathOf("out-agent.sh/once.txt")));
    }

    [TestMethod]
    [DataRow("-p:DesignTimeBuild=true", DisplayName = "Build_DesignTime_RunsNothing")]
    [DataRow("-p:IsolatedAgentsEnabled=false", DisplayName = "Build_Disabled_RunsNothing")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_SwitchedOff_RunsNothing(string property)
    {
        using ConsumerProject project = new(Item("agent.sh"));
        project.Write("agent.sh", "exit 4\n");
        BuildOutcome build = await project.BuildAsync(Token, property);

        build.AssertPassed();
        Assert.AreEqual(0, build.Steps);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_OtherAfterTargets_RunsAfterThese()
    {
        using ConsumerProject project = new(
            $"""
              <PropertyGroup><IsolatedAgentsAfterTargets>Generate</IsolatedAgentsAfterTargets></PropertyGroup>
              <Target Name="Generate" BeforeTargets="CoreCompile" />
            {Item("agent.sh")}
            """
        );
        project.Write(
            "agent.sh",
            "test -f \"$ISOLATED_AGENTS_WORKSPACE/bin/Debug/net10.0/app.dll\" && exit 9\necho early > /output/early.txt\n"
        );
        BuildOutcome build = await project.BuildAsync(Token);

        build.AssertPassed();
        Assert.AreEqual(1, build.Steps);
        Assert.AreEqual("early\n", project.Read("out-agent.sh/early.txt"));
        Assert.IsTrue(File.Exists(project.PathOf("bin/Debug/net10.0/app.dll")));
    }

    private static string Item(string agent, string metadata = "") =>
        $"""
              <ItemGroup><IsolatedAgent Include="{agent}" Image="{ConsumerProject.BusyboxImage}" OutputDirectory="out-{agent}" {metadata} /></ItemGroup>

            """;
}
