namespace IsolatedAgents.Package.Tests;

/// <summary>The ways in which MSBuild runs a task: alone, among others, in a process that stays, in one beside it.</summary>
[TestClass]
public sealed class BuildModeTests
{
    private const int Minutes = 180_000;
    private const int Attempts = 4;
    private const string Busybox = $"Image=\"{ConsumerProject.BusyboxImage}\"";

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task TerminalLogger_StepFails_ShowsTheErrorOnce()
    {
        using ConsumerProject project = new(ConsumerProject.Step($"Command=\"echo hello; exit 3\" {Busybox}"));
        BuildOutcome build = await project.BuildStepAsync(Token, "-tl:on");

        build.AssertFailed("IA6001", project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        Assert.Contains("IA6001", build.Text);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task TaskHost_StepPassesAndFails_IsTheSame()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step($"Command=\"echo hello; echo data > /output/a; exit $(Code)\" OutputDirectory=\"out\" {Busybox}")
        );
        BuildOutcome passed = await project.BuildStepAsync(Token, "-p:IsolatedAgentsTaskFactory=TaskHostFactory", "-p:Code=0");

        passed.AssertPassed();
        Assert.Contains(line => line.Contains("| hello", StringComparison.Ordinal), passed.Lines);
        Assert.Contains("|a|5|", project.Output("Artifact").Single());

        BuildOutcome failed = await project.BuildStepAsync(Token, "-p:IsolatedAgentsTaskFactory=TaskHostFactory", "-p:Code=3");
        failed.AssertFailed("IA6001", project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        Assert.AreEqual("3", project.Output("ExitCode").Single());
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task SeveralNodes_ThreeProjects_EachRunsItsOwnAgent()
    {
        const int Count = 3;
        using ConsumerProject main = new("");
        List<ConsumerProject> projects = [];
        try
        {
            for (int number = 0; number < Count; number++)
            {
                projects.Add(
                    new ConsumerProject(
                        ConsumerProject.Step($"Command=\"echo run-{number} > /output/number\" OutputDirectory=\"out\" {Busybox}")
                    )
                );
            }

            string all = string.Join(';', projects.Select(project => project.PathOf(PackageFeed.ProjectName)));
            main.Write(
                "all.proj",
                $"<Project><Target Name=\"All\"><MSBuild Projects=\"{all}\" Targets=\"Step\" BuildInParallel=\"true\" /></Target></Project>"
            );
            BuildOutcome build = await main.StartLogged("msbuild", "all.proj", $"-m:{Count}", "-t:All").CompleteAsync(Token);

            build.AssertPassed();
            Assert.AreEqual(Count, build.Steps);
            for (int number = 0; number < Count; number++)
            {
                Assert.AreEqual($"run-{number}\n", projects[number].Read("out/number"));
            }

            Assert.HasCount(Count, projects.Select(project => project.Output("SessionId").Single()).Distinct().ToArray());
        }
        finally
        {
            projects.ForEach(project => project.Dispose());
        }
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task NodeReuse_TwoBuilds_RunInOneNodeThatCanBeShutDown()
    {
        using ConsumerProject project = new(ConsumerProject.Step($"Command=\"exit $(Code)\" {Busybox}"));
        using NodesOfOneTest nodes = new(project);
        (await project.BuildStepAsync(Token, "-nr:true", "-p:Code=3")).AssertFailed("IA6001");
        int[] before = nodes.Ids();
        Assert.IsNotEmpty(before);

        // A node that is still tidying up takes no build; another one is started then.
        bool isReused = false;
        for (int attempt = 0; attempt < Attempts && !isReused; attempt++)
        {
            (await project.BuildStepAsync(Token, "-nr:true", "-p:Code=0")).AssertPassed();
            int[] after = nodes.Ids();
            isReused = after.SequenceEqual(before);
            before = after;
        }

        Assert.IsTrue(isReused);

        // Reaches the nodes of this test alone: others have another salt.
        for (int attempt = 0; attempt < Attempts && nodes.Ids().Length > 0; attempt++)
        {
            BuildOutcome shutDown = await project.Start(log: "", "build-server", "shutdown", "--msbuild").CompleteAsync(Token);
            Assert.AreEqual(0, shutDown.ExitCode, shutDown.Text);
            await nodes.WhenGoneAsync(TimeSpan.FromSeconds(5), Token);
        }

        Assert.IsEmpty(nodes.Ids());
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Consumer_UsesOtherVersionsOfOurLibraries_KeepsItsOwn()
    {
        using ConsumerProject project = new(
            $"""
              <ItemGroup>
                <PackageReference Include="Microsoft.Extensions.Logging" Version="10.0.11" />
                <PackageReference Include="Newtonsoft.Json" Version="13.0.1" />
                <IsolatedAgent Include="agent.sh" Image="{ConsumerProject.BusyboxImage}" OutputDirectory="out" />
              </ItemGroup>
            """,
            "<TargetFramework>net10.0</TargetFramework><CopyLocalLockFileAssemblies>true</CopyLocalLockFileAssemblies>"
        );
        project.Write("agent.sh", "echo ran > /output/ran.txt\n");
        project.Write(
            "Code.cs",
            "public static class Code { public static string Text => Newtonsoft.Json.JsonConvert.ToString(Microsoft.Extensions.Logging.LogLevel.Error); }\n"
        );
        project.UseUserPackages();
        BuildOutcome build = await project.StartLogged("build", PackageFeed.ProjectName).CompleteAsync(Token);

        build.AssertPassed();
        Assert.AreEqual("ran\n", project.Read("out/ran.txt"));
        string[] libraries =
        [
            .. Directory.EnumerateFiles(project.PathOf("bin/Debug/net10.0"), "*.dll").Select(file => Path.GetFileName(file)!),
        ];
        Assert.Contains("Newtonsoft.Json.dll", libraries);
        Assert.DoesNotContain("Docker.DotNet.dll", libraries);
        Assert.DoesNotContain("IsolatedAgents.Core.dll", libraries);
        Assert.AreEqual(
            "13.0.1",
            System
                .Diagnostics.FileVersionInfo.GetVersionInfo(project.PathOf("bin/Debug/net10.0/Newtonsoft.Json.dll"))
                .ProductVersion?.Split('+')[0]
        );
    }
}
