using System.Diagnostics;
using IsolatedAgents.Changes;

namespace IsolatedAgents.Core.Tests.Changes;

/// <summary>Runs that were killed while they put changes into a workspace.</summary>
[TestClass]
public sealed class ChangeRecoveryTests
{
    private const string Before = "before";
    private const string After = "after";

    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-recovery-").FullName;

    private string Workspace => Path.Combine(_root, "workspace");

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    [DataRow(4)]
    public void Run_KilledAfterSomeSteps_AllAreTakenBack(int done)
    {
        WriteAll(("edited", Before), ("gone", Before), ("folder/inner", Before), ("other", Before));
        string[] before = Tree();
        ChangeStep[] steps =
        [
            new("gone", null, "0", null),
            new("folder/inner", null, "1", null),
            new("edited", "2", "3", Hash(After)),
            new("new/deep/file", "4", null, Hash(After)),
        ];
        Journal(steps, ["new", "new/deep"], out string staging);
        File.WriteAllText(Path.Combine(staging, "2"), After);
        File.WriteAllText(Path.Combine(staging, "4"), After);
        foreach (ChangeStep step in steps.Take(done))
        {
            string target = Path.Combine(Workspace, step.Path);
            if (step.Kept is not null)
            {
                File.Move(target, Path.Combine(staging, step.Kept));
            }

            if (step.Ready is not null)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Move(Path.Combine(staging, step.Ready), target);
            }
        }

        Assert.AreEqual(Workspace, Mine(onlyLook: true).Workspace, "Only looked for, it is still there.");
        Assert.IsNull(Mine(onlyLook: false).Problem);

        CollectionAssert.AreEqual(before, Tree());
        Assert.IsNull(Find(onlyLook: false), "It is taken back once.");
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    public void Run_KilledWhileItMadeLinks_TheyAreTakenBack(int done)
    {
        WriteAll(("file", Before), ("aim", Before));
        string[] before = Tree();
        Journal(
            [new("file", null, "0", Hash("aim")) { Link = "aim" }, new("new/way", null, null, Hash("../aim")) { Link = "../aim" }],
            ["new"],
            out string staging
        );
        if (done > 0)
        {
            File.Move(Path.Combine(Workspace, "file"), Path.Combine(staging, "0"));
        }

        if (done > 1)
        {
            File.CreateSymbolicLink(Path.Combine(Workspace, "file"), "aim");
        }

        if (done > 2)
        {
            Directory.CreateDirectory(Path.Combine(Workspace, "new"));
            File.CreateSymbolicLink(Path.Combine(Workspace, "new", "way"), "../aim");
        }

        Assert.IsNull(Mine(onlyLook: false).Problem);
        CollectionAssert.AreEqual(before, Tree());
        Assert.IsNull(new FileInfo(Path.Combine(Workspace, "file")).LinkTarget);
    }

    [TestMethod]
    public void Run_AllWasDone_OnlyTheStagingFolderGoes()
    {
        WriteAll(("edited", After));
        Journal(null, [], out string staging);
        File.WriteAllText(Path.Combine(staging, "3"), Before);

        Assert.IsNull(Mine(onlyLook: false).Problem);

        CollectionAssert.AreEqual(new[] { $"edited={After}" }, Tree());
    }

    [TestMethod]
    public void Run_ChangedBySomebodySince_IsLeft()
    {
        WriteAll(("edited", "mine now"), ("new", "mine too"));
        Journal([new("edited", "0", "1", Hash(After)), new("new", "2", null, Hash(After))], [], out string staging);
        File.WriteAllText(Path.Combine(staging, "1"), Before);

        Assert.IsNull(Mine(onlyLook: false).Problem);

        CollectionAssert.AreEqual(new[] { "edited=mine now", "new=mine too" }, Tree());
    }

    [TestMethod]
    public void Run_FolderBecameALink_NothingIsMovedThroughIt()
    {
        string outside = Directory.CreateDirectory(Path.Combine(_root, "outside")).FullName;
        Directory.CreateDirectory(Workspace);
        Directory.CreateSymbolicLink(Path.Combine(Workspace, "folder"), outside);
        Journal([new("folder/inner", null, "0", null)], [], out string staging);
        File.WriteAllText(Path.Combine(staging, "0"), Before);

        _ = Mine(onlyLook: false);

        Assert.IsEmpty(Directory.EnumerateFileSystemEntries(outside));
    }

    [TestMethod]
    public void Run_JournalThatOthersMayWrite_IsNotBelieved()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Inconclusive("There are no modes.");
        }

        WriteAll(("edited", After));
        string journal = Journal([new("edited", "0", "1", Hash(After))], [], out string staging);
        File.WriteAllText(Path.Combine(staging, "1"), Before);
        File.SetUnixFileMode(journal, File.GetUnixFileMode(journal) | UnixFileMode.OtherWrite);
        try
        {
            Assert.IsNull(Find(onlyLook: false));
        }
        finally
        {
            Directory.Delete(journal, recursive: true);
        }
    }

    [TestMethod]
    public void Run_OwnerLives_IsLeft()
    {
        Directory.CreateDirectory(Workspace);
        ChangeJournal journal = ChangeJournal.Begin(_root, Workspace, Path.GetFileName(_root));
        try
        {
            Assert.IsNull(Find(onlyLook: false));
        }
        finally
        {
            journal.Remove();
        }
    }

    private RecoveredWorkspace Mine(bool onlyLook) => Find(onlyLook) ?? throw new AssertFailedException("It was not found.");

    private RecoveredWorkspace? Find(bool onlyLook) =>
        ChangeRecovery.Run(_root, onlyLook).SingleOrDefault(recovered => recovered.Workspace == Workspace);

    private void WriteAll(params (string Name, string Content)[] files)
    {
        foreach ((string name, string content) in files)
        {
            string path = Path.Combine(Workspace, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, content);
        }
    }

    private string[] Tree() =>
        [
            .. Directory
                .EnumerateFiles(Workspace, "*", SearchOption.AllDirectories)
                .Select(path => $"{Path.GetRelativePath(Workspace, path)}={File.ReadAllText(path)}")
                .Order(StringComparer.Ordinal),
        ];

    // As a run leaves it that was killed.
    private string Journal(ChangeStep[]? steps, string[] folders, out string staging)
    {
        string session = Path.GetFileName(_root);
        using (ChangeJournal journal = ChangeJournal.Begin(_root, Workspace, session))
        {
            staging = Directory.CreateDirectory(journal.Staging).FullName;
            if (steps is not null)
            {
                journal.Write(new ChangeSteps(steps, folders));
            }
        }

        string folder = Directory.EnumerateDirectories(_root, $".isolated-agents-changes-{session}").Single();
        string owner = Path.Combine(folder, "owner");
        using Process dead = Process.Start("true");
        dead.WaitForExit();
        string[] words = File.ReadAllText(owner).Split(' ');
        words[2] = dead.Id.ToString(System.Globalization.CultureInfo.InvariantCulture);
        File.WriteAllText(owner, string.Join(' ', words));
        return folder;
    }

    private static string Hash(string text) =>
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));
}
