using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using IsolatedAgents.Workspaces;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>
/// What is protected in a writable workspace is not written, by whatever way it is tried: while the agent runs, and, where that was raced,
/// when its changes are taken.
/// </summary>
[TestClass]
public sealed class ProtectedPathTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string Rule = "filesystem.protected_paths";

    // What version control keeps of itself comes back in no case; that it is not even written in the copy is for a policy to say.
    private const string Globs =
        ".git/hooks|.git/config|.github|Directory.Build.*|Directory.Packages.props|nuget.config|global.json|.config/dotnet-tools.json|.vscode|.mcp.json";

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "F6")]
    [DataRow("open('.git/config', 'w')", ".git/config")]
    [DataRow("open('.git/config', 'a')", ".git/config")]
    [DataRow("open('.git/hooks/pre-commit', 'w')", ".git/hooks/pre-commit")]
    [DataRow("open('Directory.Build.props', 'x')", "Directory.Build.props")]
    [DataRow("open('sub/deep/Directory.Build.targets', 'x')", "sub/deep/Directory.Build.targets")]
    [DataRow("os.mkdir('.vscode')", ".vscode")]
    [DataRow("os.mkdir('.github')", ".github")]
    [DataRow("os.mknod('.mcp.json')", ".mcp.json")]
    [DataRow("open('sub/../.GIT/config', 'w')", ".GIT/config", "os.mkdir('.GIT')")]
    [DataRow("os.mkdir('.VsCode')", ".VsCode")]
    [DataRow("os.mkdir('.vscode.')", ".vscode.")]
    [DataRow("os.mkdir('git~1/hooks')", "git~1/hooks", "os.mkdir('git~1')")]
    [DataRow("open('.git/./../.git//config', 'w')", ".git/config")]
    [DataRow("open('/proc/self/cwd/.git/config', 'w')", ".git/config")]
    [DataRow("open('/proc/self/root/workspace/.git/config', 'w')", ".git/config")]
    [DataRow("os.open('config', os.O_WRONLY, dir_fd=os.open('.git', os.O_RDONLY | os.O_DIRECTORY))", ".git/config")]
    [DataRow("os.chdir('.git'); open('config', 'w')", ".git/config")]
    [DataRow("f = os.open('.git/config', os.O_PATH); open(f'/proc/self/fd/{f}', 'w')", ".git/config")]
    [DataRow("f = os.open('.git/config', os.O_RDONLY); open(f'/proc/self/fd/{f}', 'w')", ".git/config")]
    [DataRow("os.remove('.git/config')", ".git/config")]
    [DataRow("os.truncate('.git/config', 0)", ".git/config")]
    [DataRow("os.chmod('.git/config', 0o777)", ".git/config")]
    [DataRow("os.rename('evil', '.git/config')", ".git/config")]
    [DataRow("os.rename('.git/config', 'mine')", ".git/config")]
    [DataRow("os.rename('.git', 'git-away')", ".git")]
    [DataRow("os.rename('.git/hooks', 'hooks-away')", ".git/hooks")]
    [DataRow("os.mkdir('new'); os.rename('new', 'sub/.git')", "sub/.git")]
    [DataRow("ctypes.CDLL(None, use_errno=True).renameat2(-100, b'.git', -100, b'sub', 2) == 0 or fail()", ".git")]
    [DataRow("ctypes.CDLL(None, use_errno=True).renameat2(-100, b'sub', -100, b'.git', 2) == 0 or fail()", ".git")]
    [DataRow("os.symlink('.git/config', 'way'); open('way', 'w')", ".git/config")]
    [DataRow("os.symlink('.git', 'way'); open('way/config', 'w')", ".git/config")]
    [DataRow("os.symlink('../sub', 'sub/.git')", "sub/.git")]
    [DataRow("os.symlink('/tmp', '.vscode')", ".vscode")]
    [DataRow("os.link('.git/config', 'mine')", ".git/config")]
    [DataRow("os.link('evil', '.git/hooks/pre-push')", ".git/hooks/pre-push")]
    [DataRow("os.open('.github', os.O_CREAT | os.O_WRONLY)", ".github")]
    [DataRow("open('sub/.git', 'w')", "sub/.git")]
    [DataRow("os.link('evil', 'sub/.git')", "sub/.git")]
    [DataRow("os.rename('evil', 'sub/.config')", "sub/.config")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task WriteToAProtectedPath_IsRefusedAndTold(string attempt, string path, string before = "")
    {
        using SandboxHost host = new();
        Lay(host);
        AgentRunResult result = await host.RunScriptAsync(
            $$"""
            import ctypes, os
            def fail(): raise OSError(ctypes.get_errno(), '')
            os.chdir('/workspace')
            {{before}}
            try:
              {{attempt}}
              print('done')
            except PermissionError as e: print(e.errno)
            if os.path.lexists('way'): os.remove('way')
            """,
            Token,
            ("filesystem.workspace", "write"),
            (Rule, Globs)
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        Assert.AreEqual("13", host.Lines[^1]);
        Violation violation = Assert.ContainsSingle(result.Violations);
        Assert.AreEqual($"/workspace/{path}", violation.Subject);
        Assert.AreEqual(Rule, violation.Rule);
        AssertUntouched(host);
    }

    // Until they end, threads move a folder under the names of others: some write goes where no look has seen it go. The last line holds
    // whatever they did.
    [TestMethod]
    [TestProperty("Case", "F6")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task PathSwappedBetweenCheckAndUse_IsHeldBackAndTold()
    {
        using SandboxHost host = new();
        Lay(host);
        AgentRunResult result = await host.RunScriptAsync(
            """
            import ctypes, os, threading, time
            os.chdir('/workspace')
            libc = ctypes.CDLL(None, use_errno=True)
            fine, forbidden = b"/workspace/evil\0", b"/workspace/.git/config\0"
            path = ctypes.create_string_buffer(64)
            over = False
            def swap():
                while not over:
                    ctypes.memmove(path, fine, len(fine))
                    ctypes.memmove(path, forbidden, len(forbidden))
            threading.Thread(target=swap).start()
            end = time.monotonic() + 8
            while time.monotonic() < end:
                fd = libc.open(path, os.O_WRONLY | os.O_TRUNC)
                if fd >= 0:
                    os.write(fd, b'evil')
                    os.close(fd)
                if open('.git/config').read() != 'config\n':
                    print('raced')
                    break
            over = True
            """,
            Token,
            ("filesystem.workspace", "write"),
            (Rule, Globs)
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        AssertUntouched(host);
        // Without a race the first line has held, which is as good.
        if (host.Lines.Contains("raced"))
        {
            Assert.AreEqual(WorkspaceChangeStatus.HeldBack, result.Changes.Single(change => change.Path == ".git/config").Status);
            Assert.IsTrue(
                host.Events.OfType<ViolationFilesystem>()
                    .Any(violation => violation is { Path: "/workspace/.git/config", Action: "Held back", Rule: Rule })
            );
        }
    }

    // A folder far above the protected file moves: nothing is looked at but the folder's own name, and the changes tell.
    [TestMethod]
    [TestProperty("Case", "F6")]
    [DataRow("mv sub moved", "sub/lib/.git/config|moved/lib/.git/config")]
    [DataRow("mkdir -p a/x/hooks && echo evil > a/x/hooks/post-merge && mv a/x/hooks a/hooks && mkdir sub/.git && mv a sub/b", "")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task FolderAroundAProtectedPathMoves_IsHeldBackWhereItCounts(string attempt, string expected)
    {
        using SandboxHost host = new();
        Lay(host);
        Write(host, "sub/lib/.git/config", "inner\n");
        AgentRunResult result = await host.RunAsync(attempt, Token, ("filesystem.workspace", "write"), (Rule, Globs));
        string[] subjects = [.. expected.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(path => $"/workspace/{path}")];
        CollectionAssert.AreEquivalent(subjects, result.Violations.Select(violation => violation.Subject).ToArray());
        Assert.AreEqual(subjects.Length == 0 ? Verdict.Passed : Verdict.PolicyViolation, result.Verdict);
        Assert.AreEqual("inner\n", Read(host, "sub/lib/.git/config"));
        Assert.IsFalse(Directory.Exists(Path.Combine(host.Workspace, "moved")));
        AssertUntouched(host);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ViolationThatIsExpected_IsStillHeldBackAndTheRestApplied()
    {
        using SandboxHost host = new();
        Lay(host);
        AgentRunResult result = await host.RunAsync(
            "echo evil > .git/config; echo better > evil; git init 2>/dev/null; exit 0",
            Token,
            ("filesystem.workspace", "write"),
            (Rule, Globs),
            ("expected_violations", """{"kind":"filesystem","match":"/workspace/.git/*","reason":"tries to"}""")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("config\n", Read(host, ".git/config"));
        Assert.AreEqual("better\n", Read(host, "evil"));
    }

    // The agent's copy of a repository is its own to work in; nothing of it comes back, allowed or not.
    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task VersionControlsOwn_IsWrittenInTheCopyAndNeverComesBack()
    {
        using SandboxHost host = new();
        Lay(host);
        AgentRunResult result = await host.RunAsync(
            "echo changed > .git/config; echo x > .git/hooks/pre-commit; mkdir sub/.git && echo y > sub/.git/config; echo other > notes.txt",
            Token,
            ("filesystem.workspace", "write"),
            ("filesystem.allowed_code_paths", ".git/**"),
            ("filesystem.return_ignored", ".git/**")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEqual(
            new[] { "notes.txt Applied" },
            result.Changes.Select(change => $"{change.Path} {change.Status}").ToArray()
        );
        WorkspaceLeft left = Assert.ContainsSingle(host.Events.OfType<WorkspaceLeft>());
        Assert.AreEqual(3, left.VersionControl);
        Assert.IsFalse(Path.Exists(Path.Combine(host.Workspace, "sub/.git")));
        AssertUntouched(host);
    }

    private static void Lay(SandboxHost host)
    {
        Write(host, ".git/config", "config\n");
        Write(host, ".git/HEAD", "ref: refs/heads/main\n");
        Write(host, ".git/hooks/sample", "hook\n");
        Write(host, "sub/deep/file", "file\n");
        Write(host, "evil", "evil\n");
    }

    private static void AssertUntouched(SandboxHost host)
    {
        Assert.AreEqual("config\n", Read(host, ".git/config"));
        Assert.AreEqual("hook\n", Read(host, ".git/hooks/sample"));
        CollectionAssert.AreEqual(
            new[] { "HEAD", "config", "hooks", "sample" },
            Directory
                .GetFileSystemEntries(Path.Combine(host.Workspace, ".git"), "*", SearchOption.AllDirectories)
                .Select(Path.GetFileName)
                .Order(StringComparer.Ordinal)
                .ToArray()
        );
        Assert.IsFalse(
            Path.Exists(Path.Combine(host.Workspace, ".vscode")) || Path.Exists(Path.Combine(host.Workspace, "Directory.Build.props"))
        );
    }

    private static void Write(SandboxHost host, string name, string content)
    {
        string path = Path.Combine(host.Workspace, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }

    private static string Read(SandboxHost host, string name) => File.ReadAllText(Path.Combine(host.Workspace, name));
}
