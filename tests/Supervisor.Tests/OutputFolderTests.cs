using System.Text;
using IsolatedAgents.Supervisor.Outputs;

namespace IsolatedAgents.Supervisor.Tests;

[TestClass]
public sealed class OutputFolderTests
{
    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-output-").FullName;

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    public void Walk_FilesFoldersAndLinks_MeetsEachOnceInOrderAndFollowsNone()
    {
        Directory.CreateDirectory(Path.Combine(_root, "b"));
        File.WriteAllText(Path.Combine(_root, "b", "two"), "22");
        File.WriteAllText(Path.Combine(_root, "a"), "1");
        File.CreateSymbolicLink(Path.Combine(_root, "c"), "/etc");
        File.CreateSymbolicLink(Path.Combine(_root, "b", "link"), "two");
        List<string> met = [];
        Assert.IsTrue(OutputFolder.Walk(_root, 100, entry =>
            {
                met.Add($"{Encoding.UTF8.GetString(entry.Path)} {entry.Kind} {entry.Size}");
                return true;
            }));
        CollectionAssert.AreEqual(new[] { "a File 1", "b/link SymbolicLink 0", "b/two File 2", "c SymbolicLink 0" }, met);
    }

    [TestMethod]
    public void Walk_MoreEntriesThanAllowed_StopsEarly()
    {
        for (int number = 0; number < 200; number++)
        {
            Directory.CreateDirectory(Path.Combine(_root, $"folder{number}"));
        }

        Assert.IsTrue(OutputFolder.Walk(_root, 200, _ => true));
        Assert.IsFalse(OutputFolder.Walk(_root, 199, _ => true));
    }

    [TestMethod]
    public void Walk_RootIsALink_IsRefused()
    {
        string link = _root + "-link";
        Directory.CreateSymbolicLink(link, _root);
        try
        {
            Assert.ThrowsExactly<Interop.KernelException>(() => OutputFolder.Walk(link, 100, _ => true));
        }
        finally
        {
            File.Delete(link);
        }
    }

    [TestMethod]
    public void Measure_SparseFile_CountsItsApparentSize()
    {
        using (FileStream sparse = File.Create(Path.Combine(_root, "sparse")))
        {
            sparse.SetLength(1L << 40);
        }

        OutputFolder.Measure(_root, 10, entry =>
        {
            Assert.AreEqual(1L << 40, entry.Size);
            return true;
        });
        Assert.AreEqual(long.MaxValue, OutputFolder.SaturatingAdd(long.MaxValue - 1, 2));
    }
}
