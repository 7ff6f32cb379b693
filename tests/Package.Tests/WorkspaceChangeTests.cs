namespace IsolatedAgents.Package.Tests;

/// <summary>A step whose agent may write the workspace: what it changed is there if it passed, and is told in any case.</summary>
[TestClass]
public sealed class WorkspaceChangeTests
{
    private const int Minutes = 120_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Step_AgentWritesTheWorkspace_ChangesItAndGivesItems()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step(
                $"Command=\"echo fixed > src/a.cs; echo new > 'src/b;c.cs'; echo x > src/x.targets; echo y > src/y.csproj\" WorkingDirectory=\"work\" Workspace=\"write\" AllowedCodePaths=\"*.csproj\" ReportDirectory=\"report\" Image=\"{ConsumerProject.BusyboxImage}\""
            )
        );
        project.Write("work/src/a.cs", "broken\n");
        BuildOutcome build = await project.BuildStepAsync(Token);

        Assert.AreEqual(0, build.ExitCode, build.Text);
        Assert.AreEqual("IA3001", Assert.ContainsSingle(build.Warnings).Code);
        Assert.AreEqual("passed", project.Output("Verdict").Single());
        CollectionAssert.AreEqual(
            new[]
            {
                "src/a.cs|changed|applied|false|6|",
                "src/b;c.cs|created|applied|false|4|",
                "src/x.targets|created|held_back|true|2|Runs code on a developer's machine",
                "src/y.csproj|created|applied|true|2|",
            },
            project.Output("Change")
        );
        Assert.AreEqual("fixed\n", project.Read("work/src/a.cs"));
        Assert.AreEqual("new\n", project.Read("work/src/b;c.cs"));
        Assert.IsFalse(File.Exists(project.PathOf("work/src/x.targets")));
        Assert.Contains("+fixed\n", project.Read("report/changes.patch"));
        Assert.Contains("+++ b/src/x.targets\n", project.Read("report/changes.held.patch"));
    }

    // The project is its own agent's workspace: what the compiler would skip, and the project itself, stay as they are.
    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Step_AgentOverwritesWhatTheNextBuildShips_OrTheProjectItself_ChangesNeither()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step(
                $"Command=\"mkdir -p obj/Debug; echo evil > obj/Debug/App.dll; echo fine > a.cs; echo x > {PackageFeed.ProjectName}; exit 0\" Workspace=\"write\" AllowedCodePaths=\"*.csproj\" Image=\"{ConsumerProject.BusyboxImage}\""
            )
        );
        string before = project.Read(PackageFeed.ProjectName);
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed("IA3001", project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        Assert.AreEqual(
            $"filesystem|filesystem.protected_paths|/workspace/{PackageFeed.ProjectName}|Access blocked",
            project.Output("Violation").Single()
        );
        Assert.AreEqual("a.cs|created|not_applied|false|5|", project.Output("Change").Single());
        Assert.AreEqual(before, project.Read(PackageFeed.ProjectName));
        Assert.IsFalse(File.Exists(project.PathOf("obj/Debug/App.dll")));
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Step_AgentWritesAProtectedPath_FailsTheBuildAndLeavesTheWorkspace()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step(
                $"Command=\"echo fixed > a.cs; echo evil > Directory.Build.props; exit 0\" WorkingDirectory=\"work\" Workspace=\"write\" Image=\"{ConsumerProject.BusyboxImage}\""
            )
        );
        project.Write("work/a.cs", "broken\n");
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed("IA3001", project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        Assert.AreEqual(
            "filesystem|filesystem.protected_paths|/workspace/Directory.Build.props|Access blocked",
            project.Output("Violation").Single()
        );
        Assert.AreEqual("a.cs|changed|not_applied|false|6|", project.Output("Change").Single());
        Assert.AreEqual("broken\n", project.Read("work/a.cs"));
    }
}
