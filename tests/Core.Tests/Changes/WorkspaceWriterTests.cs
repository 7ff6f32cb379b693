using System.Security.Cryptography;
using System.Text;
using IsolatedAgents.Changes;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Core.Tests.Changes;

[TestClass]
public sealed class WorkspaceWriterTests
{
    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-writer-").FullName;

    private string Workspace => Path.Combine(_root, "workspace");

    [TestInitialize]
    public void Lay()
    {
        foreach (string name in (string[])["edited", "gone", "folder/inner", "other"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
            File.WriteAllText(PathOf(name), "before");
        }
    }

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    public void Write_LastOfAllFails_TakesTheOthersBack()
    {
        // A file that was not there when the copy was taken, where a folder is to be made.
        File.WriteAllText(PathOf("z"), "in the way");
        Assert.ThrowsExactly<IOException>(() =>
            Write(
                Change("edited", "before", "after"),
                Change("gone", "before", null),
                Change("folder/inner", "before", null),
                Change("folder", null, "now a file"),
                Change("new/file", null, "new"),
                Change("z/file", null, "new")
            )
        );
        CollectionAssert.AreEqual(new[] { "edited", "folder", "folder/inner", "gone", "other", "z" }, Names());
        Assert.AreEqual("before", File.ReadAllText(PathOf("edited")));
        Assert.AreEqual("before", File.ReadAllText(PathOf("folder/inner")));
    }

    [TestMethod]
    [DataRow("edited")]
    [DataRow("gone")]
    [DataRow("new")]
    [DataRow("folder")]
    public void Write_SomethingIsNotWhatItWas_TouchesNothing(string what)
    {
        if (what == "folder")
        {
            Directory.Move(PathOf("folder"), Path.Combine(_root, "elsewhere"));
            Directory.CreateSymbolicLink(PathOf("folder"), Path.Combine(_root, "elsewhere"));
        }
        else
        {
            File.Delete(PathOf(what));
            File.CreateSymbolicLink(PathOf(what), PathOf("other"));
        }

        IOException refused = Assert.ThrowsExactly<IOException>(() =>
            Write(
                Change("edited", "before", "after"),
                Change("gone", "before", null),
                Change("folder/inner", "before", "after"),
                Change("new", null, "new")
            )
        );
        Assert.Contains($"'{what}'", refused.Message);
        Assert.AreEqual("before", File.ReadAllText(PathOf("other")));
        Assert.AreEqual("before", File.ReadAllText(PathOf("folder/inner")));
        Assert.IsEmpty(Directory.GetFileSystemEntries(Workspace, ".isolated-agents-*"));
    }

    [TestMethod]
    public void Write_ChangedFile_KeepsItsModeAndOwnerAndTheNewOneGetsTheWorkspaces()
    {
        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        File.SetUnixFileMode(PathOf("edited"), Private | UnixFileMode.GroupRead);
        // Where this process may not give files away, all of them are its own.
        FileIdentity.TrySetOwner(Workspace, (1234, 1235));
        FileIdentity.TrySetOwner(PathOf("edited"), (1236, 1237));
        (int UserId, int GroupId)? owner = FileIdentity.Owner(PathOf("edited"));
        Write(Change("edited", "before", "after"), Change("new/file", null, "new"), Change("new/tool", null, "new", isExecutable: true));
        Assert.AreEqual("after", File.ReadAllText(PathOf("edited")));
        Assert.AreEqual(Private | UnixFileMode.GroupRead, File.GetUnixFileMode(PathOf("edited")));
        Assert.AreEqual(owner, FileIdentity.Owner(PathOf("edited")));
        Assert.AreEqual(FileIdentity.Owner(Workspace), FileIdentity.Owner(PathOf("new")));
        Assert.AreEqual(FileIdentity.Owner(Workspace), FileIdentity.Owner(PathOf("new/file")));
        Assert.IsTrue(File.GetUnixFileMode(PathOf("new/tool")).HasFlag(UnixFileMode.UserExecute));
        Assert.IsFalse(File.GetUnixFileMode(PathOf("new/file")).HasFlag(UnixFileMode.UserExecute));
    }

    private string PathOf(string name) => Path.Combine(Workspace, name);

    private string[] Names() =>
        [
            .. Directory
                .GetFileSystemEntries(
                    Workspace,
                    "*",
                    new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }
                )
                .Select(path => Path.GetRelativePath(Workspace, path))
                .Order(StringComparer.Ordinal),
        ];

    private void Write(params PendingChange[] changes) => new WorkspaceWriter(Workspace, Path.GetFileName(_root)).Write(changes);

    private PendingChange Change(string name, string? before, string? after, bool isExecutable = false)
    {
        string content = Path.Combine(_root, Convert.ToHexString(Encoding.UTF8.GetBytes(name)));
        File.WriteAllText(content, after ?? "");
        return new PendingChange(
            new WorkspaceChange
            {
                Path = name,
                Kind = WorkspaceChangeKind.Changed,
                Before = State(before, false),
                After = State(after, isExecutable),
            },
            after is null ? null : content
        );
    }

    private static WorkspaceFileState? State(string? content, bool isExecutable) =>
        content is null
            ? null
            : new WorkspaceFileState(
                content.Length,
                Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content))),
                isExecutable
            );
}
