using System.Text;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Paths;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Tests;

/// <summary>Paths of this process, found as those of an agent are.</summary>
[TestClass]
public sealed class PathResolverTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("isolated-agents-paths-").FullName;
    private readonly PathResolver _resolver = new();

    [TestCleanup]
    public void Clean()
    {
        _resolver.Close();
        Directory.Delete(_folder, recursive: true);
    }

    [TestMethod]
    [DataRow("sub/file", "sub/file", "File")]
    [DataRow("sub/./file", "sub/file", "File")]
    [DataRow("sub//file", "sub/file", "File")]
    [DataRow("sub/../sub/file", "sub/file", "File")]
    [DataRow("sub/.hidden", "sub/.hidden", "File")]
    [DataRow("sub/..odd", "sub/..odd", "File")]
    [DataRow("sub", "sub", "Folder")]
    [DataRow("sub/", "sub", "Folder")]
    [DataRow("sub/..", "", "Folder")]
    [DataRow("sub/none", "sub/none", "Missing")]
    [DataRow("none/none", "none/none", "Missing")]
    [DataRow("to-folder/file", "sub/file", "File")]
    [DataRow("to-folder/none", "sub/none", "Missing")]
    [DataRow("to-file", "sub/file", "File")]
    [DataRow("sub/up/sub/file", "sub/file", "File")]
    [DataRow("to-none", "sub/none", "Missing")]
    public void Resolve_AbsolutePath_LeadsWhereTheKernelGoes(string path, string leads, string kind)
    {
        Fill();

        // The second time from what is held open.
        for (int i = 0; i < 2; i++)
        {
            Assert.AreEqual(($"{_folder}/{leads}".TrimEnd('/'), Enum.Parse<PathKind>(kind)), Resolve($"{_folder}/{path}"));
        }
    }

    [TestMethod]
    public void Resolve_LinkThatIsNotFollowed_IsTheLink()
    {
        Fill();
        Assert.AreEqual(($"{_folder}/to-file", PathKind.Link), Resolve($"{_folder}/to-file", follow: false));
        Assert.AreEqual(($"{_folder}/sub/up", PathKind.Link), Resolve($"{_folder}/to-folder/up", follow: false));
    }

    [TestMethod]
    public void Resolve_FromADescriptor_IsBelowIt()
    {
        Fill();
        using DescriptorOf folder = new($"{_folder}/to-folder");

        Assert.AreEqual(($"{_folder}/sub/file", PathKind.File), Resolve("file", directory: folder.Fd));
        Assert.AreEqual(($"{_folder}/sub", PathKind.Folder), Resolve("", directory: folder.Fd));
        Assert.AreEqual(($"{_folder}/sub/file", PathKind.File), Resolve("./file", directory: folder.Fd));
        Assert.AreEqual(($"{_folder}/sub/file", PathKind.File), Resolve("././/file", directory: folder.Fd));
        Assert.AreEqual((_folder, PathKind.Folder), Resolve("./..", directory: folder.Fd));
        Assert.AreEqual(($"{_folder}/sub", PathKind.Folder), Resolve("./", directory: folder.Fd));
        Assert.AreEqual(PathKind.Nameless, Resolve("file", directory: 9999).Kind);
    }

    [TestMethod]
    public void Resolve_FromADescriptorThatHasBecomeAnother_IsBelowTheOther()
    {
        Fill();
        using DescriptorOf folder = new(_folder);
        using DescriptorOf other = new($"{_folder}/sub");

        // From what is held open, but for the first time.
        for (int i = 0; i < 3; i++)
        {
            Assert.AreEqual(($"{_folder}/file", PathKind.Missing), Resolve("file", directory: folder.Fd));
        }

        Assert.AreNotEqual(-1, LibC.dup3(other.Fd, folder.Fd, OpenCloseOnExec));
        Assert.AreEqual(($"{_folder}/sub/file", PathKind.File), Resolve("file", directory: folder.Fd));
    }

    [TestMethod]
    public void Resolve_FromADescriptorOfAProcessThatHasEnded_LeadsNowhere()
    {
        using System.Diagnostics.Process other = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo("/bin/cat") { RedirectStandardInput = true }
        )!;
        for (int i = 0; i < 3; i++)
        {
            Assert.AreEqual(PathKind.Nameless, Resolve("file", directory: 0, process: other.Id).Kind);
        }

        other.StandardInput.Close();
        other.WaitForExit();
        Assert.AreEqual(PathKind.Nameless, Resolve("file", directory: 0, process: other.Id).Kind);
    }

    [TestMethod]
    public void Resolve_FromTheWorkingFolder_IsBelowIt() =>
        Assert.AreEqual(($"{Environment.CurrentDirectory}/none", PathKind.Missing), Resolve("none", directory: CurrentDirectory));

    [TestMethod]
    public void Resolve_FolderPutInAnothersPlace_IsSeenOnceTold()
    {
        Fill();
        Assert.AreEqual(PathKind.File, Resolve($"{_folder}/to-folder/file").Kind);
        File.Delete($"{_folder}/to-folder");
        Directory.CreateDirectory($"{_folder}/other");
        File.WriteAllText($"{_folder}/other/else", "");
        File.CreateSymbolicLink($"{_folder}/to-folder", "other");

        _resolver.Forget();

        Assert.AreEqual(($"{_folder}/other/file", PathKind.Missing), Resolve($"{_folder}/to-folder/file"));
        Assert.AreEqual(($"{_folder}/other/else", PathKind.File), Resolve($"{_folder}/to-folder/else"));
    }

    [TestMethod]
    public void Resolve_PathOfTheProcessFiles_IsTheOtherProcesss()
    {
        using System.Diagnostics.Process other = System.Diagnostics.Process.Start("sleep", "60");
        try
        {
            Assert.AreEqual(($"/proc/{other.Id}/status", PathKind.File), Resolve("/proc/self/status", process: other.Id));
            Assert.AreEqual(("/etc/passwd", PathKind.File), Resolve("/proc/self/root/etc/passwd", process: other.Id));
            Assert.AreEqual(($"/proc/{other.Id}/fd/9", PathKind.Missing), Resolve("/dev/fd/9", process: other.Id));
        }
        finally
        {
            other.Kill();
        }
    }

    [TestMethod]
    public void Resolve_AgainAndAgain_TakesNoMemory()
    {
        Fill();
        byte[] path = Encoding.UTF8.GetBytes($"{_folder}/sub/file");
        PathBuffer found = new();
        int self = Environment.ProcessId;
        for (int i = 0; i < 10; i++)
        {
            _resolver.Resolve(self, CurrentDirectory, path, followLast: true, found);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            _resolver.Resolve(self, CurrentDirectory, path, followLast: true, found);
        }

        Assert.AreEqual(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private void Fill()
    {
        Directory.CreateDirectory($"{_folder}/sub");
        File.WriteAllText($"{_folder}/sub/file", "");
        File.WriteAllText($"{_folder}/sub/.hidden", "");
        File.WriteAllText($"{_folder}/sub/..odd", "");
        File.CreateSymbolicLink($"{_folder}/to-folder", "sub");
        File.CreateSymbolicLink($"{_folder}/to-file", "sub/file");
        File.CreateSymbolicLink($"{_folder}/to-none", "sub/none");
        File.CreateSymbolicLink($"{_folder}/sub/up", "..");
    }

    private (string Path, PathKind Kind) Resolve(string path, bool follow = true, int directory = CurrentDirectory, int? process = null)
    {
        PathBuffer found = new();
        PathKind kind = _resolver.Resolve(process ?? Environment.ProcessId, directory, Encoding.UTF8.GetBytes(path), follow, found)!.Value;
        return (Encoding.UTF8.GetString(found.Bytes), kind);
    }

    private sealed unsafe class DescriptorOf : IDisposable
    {
        public DescriptorOf(string path)
        {
            fixed (byte* pointer = Descriptor.PathBytes(path))
            {
                Fd = LibC.open(pointer, OpenDirectory | OpenCloseOnExec, 0);
            }
        }

        public int Fd { get; }

        public void Dispose() => LibC.close(Fd);
    }
}
