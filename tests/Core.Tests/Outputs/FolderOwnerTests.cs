using IsolatedAgents.Diagnostics;
using IsolatedAgents.Execution.UpToDate;
using IsolatedAgents.Outputs;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Core.Tests.Outputs;

[TestClass]
public sealed class FolderOwnerTests
{
    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-test-").FullName;

    private string Output => Path.Combine(_root, "output");

    private string Project => Path.Combine(_root, "a.csproj");

    private FolderOwner Owner => new(Project, "agent.py", "Debug");

    [TestInitialize]
    public void WriteProjects()
    {
        File.WriteAllText(Project, "");
        File.WriteAllText(Path.Combine(_root, "b.csproj"), "");
    }

    [TestCleanup]
    public void Remove() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    public void Open_AnotherOwner_IsRefusedAndBothAreNamed()
    {
        Fill(OutputDirectory.Open(Output, Owner));
        foreach (
            FolderOwner? other in new[]
            {
                Owner with
                {
                    Project = Path.Combine(_root, "b.csproj"),
                },
                Owner with
                {
                    Item = "b.py",
                },
                Owner with
                {
                    Configuration = "Release",
                },
                null,
            }
        )
        {
            Diagnostic refusal = Assert.ThrowsExactly<ConfigurationException>(() => OutputDirectory.Open(Output, other)).Diagnostic;

            Assert.AreEqual(DiagnosticTable.FolderOwned, refusal.Code);
            Assert.Contains("item 'agent.py' of project '", refusal.Message);
            Assert.Contains(other?.Describe() ?? "a run outside of a build", refusal.Message);
        }
    }

    [TestMethod]
    public void Open_OwnerIsGone_MayBeTaken()
    {
        Fill(OutputDirectory.Open(Output, Owner));
        // The project has other items now.
        OutputDirectory.Open(Output, Owner with { Item = "b.py", ProjectItems = ["b.py"] });
        Assert.ThrowsExactly<ConfigurationException>(() =>
            OutputDirectory.Open(Output, Owner with { Item = "b.py", ProjectItems = ["agent.py", "b.py"] })
        );

        File.Delete(Project);
        OutputDirectory.Open(Output, Owner with { Project = Path.Combine(_root, "b.csproj") });
        OutputDirectory.Open(Output);
    }

    [TestMethod]
    public void Open_ManifestWithoutOwner_MayBeTaken()
    {
        Fill(OutputDirectory.Open(Output));
        Fill(OutputDirectory.Open(Output, Owner));
        Assert.ThrowsExactly<ConfigurationException>(() => OutputDirectory.Open(Output));
    }

    [TestMethod]
    public void Replace_AnotherOwnerCameMeanwhile_LeavesItsFiles()
    {
        OutputDirectory slow = OutputDirectory.Open(Output, Owner);
        FolderOwner quick = Owner with { Item = "b.py" };
        Fill(OutputDirectory.Open(Output, quick), "quick");
        string staging = slow.CreateStaging("slow");
        File.WriteAllText(Path.Combine(staging, "a"), "slow");

        Assert.AreEqual(
            DiagnosticTable.FolderOwned,
            Assert.ThrowsExactly<ConfigurationException>(() => slow.Replace(staging, "slow", [])).Diagnostic.Code
        );

        Assert.AreEqual("quick", File.ReadAllText(Path.Combine(Output, "a")));
        OutputDirectory.Open(Output, quick);
    }

    [TestMethod]
    public void Claim_ReportFolder_BelongsToTheFirst()
    {
        FolderOwnership.Claim(_root, Owner);
        FolderOwnership.Claim(_root, Owner with { ProjectItems = ["agent.py"] });

        Assert.AreEqual(
            DiagnosticTable.FolderOwned,
            Assert.ThrowsExactly<ConfigurationException>(() => FolderOwnership.Claim(_root, Owner with { Item = "b.py" })).Diagnostic.Code
        );
        Assert.AreEqual(
            DiagnosticTable.FolderOwned,
            Assert.ThrowsExactly<ConfigurationException>(() => FolderOwnership.Claim(_root, null)).Diagnostic.Code
        );
        Assert.AreEqual("agent.py", FolderOwnership.OfReports(_root)!.Item);
    }

    [TestMethod]
    public void Remove_OwnFolder_LeavesNothingButWhatOthersPutThere()
    {
        Fill(OutputDirectory.Open(Output, Owner));
        File.WriteAllText(Path.Combine(Output, "mine.txt"), "");
        GateFolder.Remove(Output, Path.Combine(_root, "b.csproj"));
        Assert.IsTrue(File.Exists(Path.Combine(Output, "a")));

        GateFolder.Remove(Output + "/", Project);
        Assert.AreEqual(Path.Combine(Output, "mine.txt"), Assert.ContainsSingle(Directory.GetFileSystemEntries(Output)));

        File.Delete(Path.Combine(Output, "mine.txt"));
        Fill(OutputDirectory.Open(Output, Owner));
        GateFolder.Remove(Output, Project);
        Assert.IsFalse(Directory.Exists(Output));
    }

    [TestMethod]
    public void Remove_ManifestThatSomebodyChanged_DeletesNothingOutside()
    {
        string precious = Path.Combine(_root, "precious");
        Directory.CreateDirectory(precious);
        File.WriteAllText(Path.Combine(precious, "file"), "");
        Directory.CreateDirectory(Output);
        Directory.CreateSymbolicLink(Path.Combine(Output, "link"), precious);
        File.WriteAllText(
            Path.Combine(Output, OutputDirectory.ManifestName),
            $$"""{ "Session": "s", "Files": ["../precious/file", "link/file", "{{precious}}/file"], "Owner": { "Project": "{{Project}}", "Item": "", "Configuration": "" } }"""
        );

        GateFolder.Remove(Output, Project);

        Assert.IsTrue(File.Exists(Path.Combine(precious, "file")));
    }

    private static void Fill(OutputDirectory directory, string text = "")
    {
        string staging = directory.CreateStaging("session");
        File.WriteAllText(Path.Combine(staging, "a"), text);
        directory.Replace(staging, "session", [new Artifact(Path.Combine(directory.FullPath, "a"), "a", text.Length, "")]);
    }
}
