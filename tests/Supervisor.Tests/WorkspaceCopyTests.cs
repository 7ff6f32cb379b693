using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Setup;
using IsolatedAgents.Supervisor.Workspaces;

namespace IsolatedAgents.Supervisor.Tests;

[TestClass]
public sealed class WorkspaceCopyTests
{
    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-workspace-").FullName;

    private int UserId { get; } =
        int.Parse(
            File.ReadLines("/proc/self/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[2],
            System.Globalization.CultureInfo.InvariantCulture
        );

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    public void List_NothingChanged_MeetsNothing()
    {
        Lay();
        AssertDiffers(WorkspaceCopy.Take(_root, UserId), [], []);
    }

    [TestMethod]
    public void List_EveryKindOfChange_IsMetAndNothingElse()
    {
        Lay();
        WorkspaceCopy copy = WorkspaceCopy.Take(_root, UserId);
        DateTime time = File.GetLastWriteTimeUtc(PathOf("same size"));
        File.WriteAllText(PathOf("same size"), "2");
        File.SetLastWriteTimeUtc(PathOf("same size"), time);
        File.SetUnixFileMode(PathOf("mode"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.WriteAllText(PathOf("beside"), "1");
        File.Move(PathOf("beside"), PathOf("replaced"), overwrite: true);
        File.Delete(PathOf("gone"));
        File.Delete(PathOf("link"));
        File.CreateSymbolicLink(PathOf("link"), "/elsewhere");
        Directory.Move(PathOf("folder"), PathOf("moved"));
        File.WriteAllText(PathOf("new"), "");
        AssertDiffers(
            copy,
            [
                "link Link /elsewhere",
                "mode File",
                "moved/below/inner File",
                "moved/file File",
                "new File",
                "replaced File",
                "same size File",
            ],
            ["folder/below/inner", "folder/file", "gone"]
        );
    }

    [TestMethod]
    public void List_TooManyEntries_SaysSo()
    {
        Lay();
        WorkspaceCopy copy = WorkspaceCopy.Take(_root, UserId);
        Assert.IsFalse(copy.List(9, _ => true, out _));
        Assert.IsTrue(copy.List(10, _ => true, out long bytes));
        Assert.IsGreaterThanOrEqualTo(7, bytes);
    }

    [TestMethod]
    public void Meet_FilesThatWereAskedFor_AreOpenAndNoOthers()
    {
        Lay();
        WorkspaceCopy copy = WorkspaceCopy.Take(_root, UserId);
        List<string> met = [];
        copy.Meet(new HashSet<string> { "folder/file", "kept", "link", "nothing" }, entry =>
        {
            met.Add($"{Encoding.UTF8.GetString(entry.Path)} {entry.Kind} {entry.Fd >= 0}");
            return true;
        });
        CollectionAssert.AreEqual(new[] { "folder/file File True", "kept File True", "link SymbolicLink False" }, met);
    }

    [TestMethod]
    public void IsGrownBeyond_SparseFile_CountsItsApparentSize()
    {
        Lay();
        WorkspaceCopy copy = WorkspaceCopy.Take(_root, UserId);
        Assert.IsFalse(copy.IsGrownBeyond(1 << 20, 0));
        using (FileStream sparse = File.Create(PathOf("sparse")))
        {
            sparse.SetLength(1L << 40);
        }

        Assert.IsFalse(copy.IsGrownBeyond((1L << 40) + (1 << 20), 0));
        Assert.IsTrue(copy.IsGrownBeyond((1L << 40) - 1, 5000));
        Assert.IsGreaterThanOrEqualTo(6000, copy.NextWatch);
    }

    [TestMethod]
    public void Take_FolderOfAnotherUser_IsRefused() => Assert.ThrowsExactly<SetupException>(() => WorkspaceCopy.Take(_root, UserId + 1));

    private string PathOf(string name) => Path.Combine(_root, name);

    private void Lay()
    {
        foreach (string name in (string[])["same size", "mode", "replaced", "gone", "folder/file", "folder/below/inner", "kept"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
            File.WriteAllText(PathOf(name), "1");
        }

        File.CreateSymbolicLink(PathOf("link"), "kept");
    }

    private static void AssertDiffers(WorkspaceCopy copy, string[] met, string[] deleted)
    {
        List<string> found = [];
        List<string> gone = [];
        Assert.IsTrue(
            copy.List(
                100,
                entry =>
                {
                    (entry.Kind == WorkspaceEntryKind.Deleted ? gone : found).Add(
                        Encoding.UTF8.GetString(entry.Path)
                            + (
                                entry.Kind == WorkspaceEntryKind.Deleted
                                    ? ""
                                    : $" {entry.Kind}{(entry.Target.Length > 0 ? " " : "")}{Encoding.UTF8.GetString(entry.Target)}"
                            )
                    );
                    return true;
                },
                out _
            )
        );
        CollectionAssert.AreEqual(met, found);
        CollectionAssert.AreEqual(deleted, gone);
    }
}
