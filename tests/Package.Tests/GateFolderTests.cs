namespace IsolatedAgents.Package.Tests;

/// <summary>Folders and logs that several gates name, what a gate leaves, and what a build with nothing to do costs it.</summary>
[TestClass]
public sealed class GateFolderTests
{
    private const int Minutes = 300_000;

    private const string Agent = $"Image=\"{ConsumerProject.BusyboxImage}\" Command=\"echo made > /output/made.txt\"";

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [DataRow("OutputDirectory")]
    [DataRow("ReportDirectory")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task TwoItems_OneFolder_SecondIsRefusedAndBothAreNamed(string folder)
    {
        using ConsumerProject project = new(
            $"<ItemGroup><IsolatedAgent Include=\"first;second\" {Agent} {folder}=\"shared/\" /></ItemGroup>"
        );
        for (int build = 0; build < 2; build++)
        {
            string message = (await project.BuildAsync(Token, "-t:RunIsolatedAgents")).AssertFailed("IA1004").Message!;
            Assert.Contains("item 'first' of project '", message);
            Assert.Contains("item 'second' of project '", message);
        }
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task OneItem_AnotherConfigurationOrNameOfIt_IsRefusedOrTakesOver()
    {
        using ConsumerProject project = new(
            $"<ItemGroup><IsolatedAgent Include=\"$(Name)\" {Agent} OutputDirectory=\"$(Folder)\" Inputs=\"Code.cs\" /></ItemGroup>"
        );
        string[] one = ["-t:RunIsolatedAgents", "-p:Name=one", "-p:Folder=shared/"];
        (await project.BuildAsync(Token, one)).AssertPassed();

        Assert.Contains(
            "in configuration 'Debug'",
            (await project.BuildAsync(Token, [.. one, "-c:Release"])).AssertFailed("IA1004").Message!
        );
        // As before: nothing of the other one has touched it.
        Assert.AreEqual(1, (await project.BuildAsync(Token, one)).Skipped);

        // The project has no item of the old name any more.
        (await project.BuildAsync(Token, "-t:RunIsolatedAgents", "-p:Name=two", "-p:Folder=shared/")).AssertPassed();
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task TwoConfigurations_FolderEach_NeitherSkipsNorCleansTheOther()
    {
        using GateSolution solution = await GateSolution.CreateAsync();
        foreach (string configuration in new[] { "Debug", "Release" })
        {
            (await solution.RunAsync($"lib: build -c {configuration} -p:GateInputs=Code.cs", Token)).AssertPassed();
        }

        Assert.AreEqual(2, solution.RunsOf("lib"));
        (await solution.RunAsync("lib: clean -c Release", Token)).AssertPassed();
        Assert.IsFalse(Directory.Exists(solution.PathOf("lib/obj/review/Release")));
        Assert.IsFalse(Directory.Exists(solution.PathOf("lib/obj/isolated-agents/lib.csproj/Release")));

        BuildOutcome debug = await solution.RunAsync("lib: build -c Debug -p:GateInputs=Code.cs", Token);
        debug.AssertPassed();
        Assert.AreEqual(1, debug.Skipped);
        Assert.AreEqual(2, solution.RunsOf("lib"));
    }

    [TestMethod]
    [DataRow("exit 0", true)]
    [DataRow("exit 3", false)]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Clean_RunPassedOrFailed_LeavesNothingOfOurs(string end, bool passes)
    {
        using ConsumerProject project = new(
            $"""
            <ItemGroup>
              <IsolatedAgent Include="agent" Image="{ConsumerProject.BusyboxImage}" Command="mkdir /output/deep; echo made > /output/deep/made.txt; {end}"
                             OutputDirectory="out/nested/" ReportDirectory="reports/" Inputs="Code.cs" />
            </ItemGroup>
            """
        );
        // The build itself leaves something here.
        (await project.BuildAsync(Token, "-t:Clean", "-p:IsolatedAgentsEnabled=false")).AssertPassed();
        string[] before = Files(project);
        Assert.AreEqual(passes ? 0 : 1, (await project.BuildAsync(Token, "-t:RunIsolatedAgents")).ExitCode);
        Assert.IsTrue(File.Exists(project.PathOf("out/nested/deep/made.txt")));
        Assert.IsTrue(File.Exists(project.PathOf("reports/session.jsonl")));

        (await project.BuildAsync(Token, "-t:Clean")).AssertPassed();

        Assert.AreEqual(string.Join('\n', before), string.Join('\n', Files(project)));
        Assert.IsFalse(Directory.Exists(project.PathOf("out")));
        Assert.IsFalse(Directory.Exists(project.PathOf("reports")));
        Assert.IsFalse(Directory.Exists(project.PathOf("obj/isolated-agents")));
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task ParallelProjects_OneAuditLog_TakeTurns()
    {
        using ConsumerProject main = new("");
        string log = main.PathOf("lib/runs.jsonl");
        ConsumerProject[] projects =
        [
            .. Enumerable
                .Range(0, 3)
                .Select(number => new ConsumerProject(
                    $"<ItemGroup><IsolatedAgent Include=\"agent-{number}\" Image=\"{ConsumerProject.BusyboxImage}\" Command=\"sleep 1\" AuditLog=\"{log}\" /></ItemGroup>"
                )),
        ];
        try
        {
            string all = string.Join(';', projects.Select(project => project.PathOf(PackageFeed.ProjectName)));
            main.Write(
                "all.proj",
                $"<Project><Target Name=\"All\"><MSBuild Projects=\"{all}\" Targets=\"RunIsolatedAgents\" BuildInParallel=\"true\" /></Target></Project>"
            );
            (await main.StartLogged("msbuild", "all.proj", "-m:3", "-t:All").CompleteAsync(Token)).AssertPassed();

            string[] lines = File.ReadAllLines(log);
            Assert.AreEqual(3, lines.Count(line => line.Contains("\"audit.opened\"", StringComparison.Ordinal)));
            Assert.AreEqual(3, lines.Count(line => line.Contains("\"audit.sealed\"", StringComparison.Ordinal)));
            // Each entry names the hash of the one before.
            foreach ((string first, string second) in lines.Zip(lines.Skip(1)))
            {
                Assert.EndsWith($"\"audit.hash\":\"{Hash(second, "audit.prev")}\"}}", first);
            }
        }
        finally
        {
            Array.ForEach(projects, project => project.Dispose());
        }

        static string Hash(string line, string name) =>
            line[(line.IndexOf($"\"{name}\":\"", StringComparison.Ordinal) + name.Length + 4)..][..64];
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Skip_NoEngineAnswers_SaysThatTheImageWasNotComparedAndPasses()
    {
        using ConsumerProject project = new(
            $"<ItemGroup><IsolatedAgent Include=\"agent\" {Agent} OutputDirectory=\"out/\" ReportDirectory=\"reports/\" AuditLog=\"audit.jsonl\" Inputs=\"Code.cs\" /></ItemGroup>"
        );
        (await project.BuildAsync(Token, "-t:RunIsolatedAgents")).AssertPassed();
        string record = project.Read("reports/session.jsonl");
        string audit = project.Read("audit.jsonl");
        project.Environment["DOCKER_HOST"] = "unix:///nonexistent/docker.sock";

        BuildOutcome skipped = await project.BuildAsync(Token, "-t:RunIsolatedAgents");

        skipped.AssertPassed();
        Assert.AreEqual(1, skipped.Skipped);
        Assert.Contains("IA8004", skipped.Text);
        Assert.AreEqual(record, project.Read("reports/session.jsonl"));
        Assert.AreEqual(audit, project.Read("audit.jsonl"));

        project.Write("Code.cs", "class Changed { }\n");
        (await project.BuildAsync(Token, "-t:RunIsolatedAgents")).AssertFailed("IA2001");
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Skip_PassedRunWarned_WarnsAgain()
    {
        using ConsumerProject project = new(
            $"<ItemGroup><IsolatedAgent Include=\"agent\" Image=\"{ConsumerProject.BusyboxImage}\" Command=\"exit 3\" FailOn=\"timeout\" Inputs=\"Code.cs\" /></ItemGroup>"
        );
        foreach (int skips in new[] { 0, 1 })
        {
            BuildOutcome build = await project.BuildAsync(Token, "-t:RunIsolatedAgents");
            Assert.AreEqual(skips, build.Skipped, build.Text);
            Assert.AreEqual("IA6001", Assert.ContainsSingle(build.Warnings).Code);
        }

        // What was a warning then is an error now, and a pass does not hide it.
        (await project.BuildAsync(Token, "-t:RunIsolatedAgents", "-p:TreatWarningsAsErrors=true")).AssertFailed("IA6001");
    }

    [TestMethod]
    [DataRow("all", false)]
    [DataRow("build;all", false)]
    [DataRow("build", true)]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Pack_ReferenceWithoutPrivateAssets_SaysThatItLeaks(string assets, bool leaks)
    {
        using GateSolution solution = await GateSolution.CreateAsync();
        BuildOutcome pack = await solution.RunAsync($"one: pack -p:Assets={assets.Replace(";", "%3B", StringComparison.Ordinal)}", Token);

        Assert.AreEqual(0, pack.ExitCode, pack.Text);
        Assert.AreEqual(leaks ? "IA8005" : "", string.Join(' ', pack.Warnings.Select(warning => warning.Code)), pack.Text);
    }

    private static string[] Files(ConsumerProject project) =>
        [
            .. Directory
                .EnumerateFiles(project.Folder, "*", SearchOption.AllDirectories)
                .Where(file => !file.EndsWith(".binlog", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal),
        ];
}
