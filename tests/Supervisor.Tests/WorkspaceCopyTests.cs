using System.Text;
using IsolatedAgents.Supervisor.Launching;
using IsolatedAgents.Supervisor.Workspaces;

namespace IsolatedAgents.Supervisor.Tests;

[TestClass]
public sealed class WorkspaceCopyTests
{
    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-workspace-").FullName;

    private int UserId { get; } = int.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[2], System.Globalization.CultureInfo.InvariantCulture);

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    public void Walk_NothingChanged_MeetsNothing()
    {
        Lay();
        AssertDiffers(WorkspaceCopy.Take(_root, UserId), [], []);
    }

    [TestMethod]
    public void Walk_EveryKindOfChange_IsMetAndNothingElse()
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
            ["link SymbolicLink", "mode File", "moved/below/inner File", "moved/file File", "new File", "replaced File", "same size File"],
            ["folder/below/inner", "folder/file", "gone"]);
    }

    [TestMethod]
    public void Walk_TooManyEntries_SaysSo()
    {
        Lay();
        WorkspaceCopy copy = WorkspaceCopy.Take(_root, UserId);
        Assert.IsFalse(copy.Walk(9, _ => true, out _));
        Assert.IsTrue(copy.Walk(10, _ => true, out _));
    }

    [TestMethod]
    public void IsGrownBeyond_SparseFile_CountsItsApparentSize()
    {
        Lay();
        WorkspaceCopy copy = WorkspaceCopy.Take(_root, UserId);
        Assert.IsFalse(copy.IsGrownBeyond(0, 0));
        using (FileStream sparse = File.Create(PathOf("sparse")))
        {
            sparse.SetLength(1L << 40);
        }

        Assert.IsFalse(copy.IsGrownBeyond(1L << 40, 0));
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
        Assert.IsTrue(copy.Walk(100, entry =>
        {
            found.Add($"{Encoding.UTF8.GetString(entry.Path)} {entry.Kind}");
            return true;
        }, out IReadOnlyCollection<byte[]> gone));
        CollectionAssert.AreEqual(met, found);
        CollectionAssert.AreEqual(deleted, gone.Select(Encoding.UTF8.GetString).ToArray());
    }
}
