using IsolatedAgents.Supervisor.Verification;

namespace IsolatedAgents.Supervisor.Tests;

[TestClass]
public sealed class CopiedFolderTests
{
    private const UnixFileMode Readable =
        UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-copies-").FullName;

    [TestInitialize]
    public void Fill()
    {
        Directory.CreateDirectory(Path.Combine(_root, "a", "b"));
        File.WriteAllText(Path.Combine(_root, "a", "b", "file"), "text");
        // The target is writable for everyone and must not be looked at.
        File.CreateSymbolicLink(Path.Combine(_root, "a", "link"), "/tmp");
        foreach (
            string path in new[] { _root, Path.Combine(_root, "a"), Path.Combine(_root, "a", "b"), Path.Combine(_root, "a", "b", "file") }
        )
        {
            File.SetUnixFileMode(path, Readable);
        }
    }

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    public void FindWritable_NothingIs_FindsNothing() => Assert.IsNull(CopiedFolder.FindWritable(_root));

    [TestMethod]
    [DataRow("", UnixFileMode.OtherWrite)]
    [DataRow("a", UnixFileMode.GroupWrite)]
    [DataRow("a/b", UnixFileMode.OtherWrite)]
    [DataRow("a/b/file", UnixFileMode.GroupWrite)]
    [DataRow("a/b/file", UnixFileMode.OtherWrite)]
    public void FindWritable_OneForOthers_NamesIt(string entry, UnixFileMode mode)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.Combine(_root, entry));
        File.SetUnixFileMode(path, Readable | mode);
        Assert.AreEqual($"'{path}' is writable for others than root", CopiedFolder.FindWritable(_root));
    }

    [TestMethod]
    public void FindWritable_OneOfAnotherOwner_NamesIt()
    {
        string file = Path.Combine(_root, "a", "b", "file");
        using System.Diagnostics.Process process = System.Diagnostics.Process.Start("chown", ["1000", file]);
        process.WaitForExit();
        Assert.AreEqual(0, process.ExitCode, "This test changes an owner, which takes root.");
        Assert.AreEqual($"'{file}' does not belong to root", CopiedFolder.FindWritable(_root));
    }
}
