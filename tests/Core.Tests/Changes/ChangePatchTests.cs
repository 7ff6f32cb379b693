using System.Diagnostics;
using System.Text;
using IsolatedAgents.Changes;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Core.Tests.Changes;

/// <summary>What git makes of the patches, by git itself.</summary>
[TestClass]
public sealed class ChangePatchTests
{
    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-patch-").FullName;

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    [DataRow("plain", "a\nb\n", "a\nc\n")]
    [DataRow("no newline", "a\nb", "a\nb\n")]
    [DataRow("carriage return", "a\r\nb\r\n", "a\r\nc\n")]
    [DataRow("to nothing", "a\n", "")]
    [DataRow("from nothing", "", "a")]
    [DataRow("binary", "\0a", "\0b")]
    [DataRow("binary to text", "\0a", "text\n")]
    [DataRow("bytes", "\u00FF\u00E9\n", "\u00FF\u00E8\n")]
    [DataRow("looks like a patch", "--- a\n", "--- a/../../x\n+++ b/x\n@@ -1 +1 @@\ndiff --git a/x b/x\n")]
    [DataRow("tab\tin\tname", "a\n", "b\n")]
    [DataRow("quote\"back\\slash", "a\n", "b\n")]
    [DataRow("ünï/cödé", "a\n", "b\n")]
    [DataRow("-rf", "a\n", "b\n")]
    public void Write_ChangedFile_IsAppliedAndTakenBackByGit(string name, string before, string after)
    {
        byte[] old = Encoding.Latin1.GetBytes(before);
        byte[] now = Encoding.Latin1.GetBytes(after);
        Apply(name, old, now);
        Apply(name, null, now);
        Apply(name, old, null);
    }

    [TestMethod]
    public void Write_LongBinary_IsAppliedByGit()
    {
        byte[] random = new byte[70_001];
        new Random(1).NextBytes(random);
        Apply("random", random[..99], random);
    }

    [TestMethod]
    public void Write_TwoLargeTextsWithoutALineInCommon_TakesNoTimeAndIsAppliedByGit()
    {
        byte[] old = Encoding.ASCII.GetBytes("first\n" + string.Concat(Enumerable.Range(0, 60_000).Select(i => $"a{i}\n")) + "last\n");
        byte[] now = Encoding.ASCII.GetBytes("first\n" + string.Concat(Enumerable.Range(0, 60_000).Select(i => $"b{i}\n")) + "last\n");
        Apply("large", old, now);
    }

    [TestMethod]
    public void Write_WorkspaceIsNoLongerWhatItWas_IsLeftOut()
    {
        File.WriteAllText(Path.Combine(_root, "file"), "another\n");
        using MemoryStream stream = new();
        Assert.IsFalse(new ChangePatch(stream).TryWrite(_root, Change("file", "before\n"u8.ToArray(), null)));
        Assert.AreEqual(0, stream.Length);
    }

    private void Apply(string name, byte[]? before, byte[]? after)
    {
        string folder = Directory.CreateTempSubdirectory("isolated-agents-patch-").FullName;
        try
        {
            string file = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            if (before is not null)
            {
                File.WriteAllBytes(file, before);
            }

            string patch = Path.Combine(_root, "patch");
            using (FileStream stream = File.Create(patch))
            {
                Assert.IsTrue(new ChangePatch(stream).TryWrite(folder, Change(name, before, after)));
            }

            Git(folder, "init", "-q");
            Git(folder, "apply", "--whitespace=nowarn", patch);
            AssertContent(file, after);
            Git(folder, "apply", "--whitespace=nowarn", "-R", patch);
            AssertContent(file, before);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void AssertContent(string file, byte[]? content)
    {
        Assert.AreEqual(content is not null, File.Exists(file));
        if (content is not null)
        {
            CollectionAssert.AreEqual(content, File.ReadAllBytes(file));
        }
    }

    private PendingChange Change(string name, byte[]? before, byte[]? after)
    {
        string content = Path.Combine(_root, "content");
        File.WriteAllBytes(content, after ?? []);
        return new PendingChange(
            new WorkspaceChange
            {
                Path = name,
                Kind = WorkspaceChangeKind.Changed,
                Before = State(before),
                After = State(after),
            },
            after is null ? null : content
        );
    }

    private static WorkspaceFileState? State(byte[]? content) =>
        content is null
            ? null
            : new WorkspaceFileState(
                content.Length,
                Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content)),
                IsExecutable: false
            );

    private static void Git(string folder, params string[] arguments)
    {
        using Process git = Process.Start(new ProcessStartInfo("git", ["-C", folder, .. arguments]) { RedirectStandardError = true })!;
        string said = git.StandardError.ReadToEnd();
        git.WaitForExit();
        Assert.AreEqual(0, git.ExitCode, said);
    }
}
