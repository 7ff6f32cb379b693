using System.Text.Json;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using IsolatedAgents.Workspaces;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>An agent that may write its workspace changes a copy; a run that passes changes the workspace.</summary>
[TestClass]
public sealed class WritableWorkspaceTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task PassedRun_ChangesTheWorkspaceAndItsPatchDoesTheSame()
    {
        using SandboxHost host = new();
        Write(host, "kept", "same\n");
        Write(host, "edited", "one\ntwo\nthree\n");
        Write(host, "unended", "a\nb");
        Write(host, "run.sh", "#!/bin/sh\n");
        Write(host, "old/deep/gone", "x\n");
        Write(host, "with space/é \"q\"", "before\n");
        Write(host, "latin1", [0xE9, 0x0A, 0x61]);
        Write(host, "binary", [0, 1, 2, 3, 255, 0]);
        Write(host, "becomes", "a file\n");
        Write(host, "was/a/folder", "x\n");
        string clone = await CloneAsync(host);

        AgentRunResult result = await host.RunAsync(
            Request(
                host,
                """
                import os
                os.chdir('/workspace')
                open('edited', 'a').write('four\n')
                open('unended', 'w').write('a\nc')
                os.chmod('run.sh', 0o755)
                os.remove('old/deep/gone')
                open('with space/é "q"', 'w').write('after\n')
                open('latin1', 'ab').write(b'\xe8\r\n')
                open('binary', 'wb').write(bytes(range(256)) * 300)
                os.makedirs('new/below')
                open('new/below/file', 'w').write('hello')
                open('new/empty', 'w').close()
                open('new/tool', 'w').write('#!/bin/sh\n'); os.chmod('new/tool', 0o700)
                os.remove('becomes'); os.mkdir('becomes'); open('becomes/inner', 'w').write('y\n')
                os.remove('was/a/folder'); os.rmdir('was/a'); open('was/a', 'w').write('z\n')
                os.utime('kept'); os.chmod('kept', 0o600)
                open('scratch', 'w').write('gone again'); os.remove('scratch')
                """
            ),
            Token
        );

        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("one\ntwo\nthree\nfour\n", Read(host, "edited"));
        Assert.IsTrue(File.GetUnixFileMode(Path.Combine(host.Workspace, "new/tool")).HasFlag(UnixFileMode.UserExecute));
        Assert.IsFalse(Directory.Exists(Path.Combine(host.Workspace, "old")), "A folder whose files are gone stays.");
        Assert.IsTrue(result.Changes.All(change => change.Status == WorkspaceChangeStatus.Applied));
        CollectionAssert.AreEqual(
            new[]
            {
                "becomes Deleted",
                "becomes/inner Created",
                "binary Changed",
                "edited Changed",
                "latin1 Changed",
                "new/below/file Created",
                "new/empty Created",
                "new/tool Created",
                "old/deep/gone Deleted",
                "run.sh Changed",
                "unended Changed",
                "was/a Created",
                "was/a/folder Deleted",
                "with space/é \"q\" Changed",
            },
            result.Changes.Select(change => $"{change.Path} {change.Kind}").ToArray()
        );
        Assert.HasCount(14, host.Events.OfType<WorkspaceChanged>());
        Assert.IsEmpty(Directory.EnumerateFileSystemEntries(host.Workspace, ".isolated-agents-*"));

        await GitAsync(clone, "apply", "--whitespace=nowarn", Path.Combine(host.Root, "report", "changes.patch"));
        CollectionAssert.AreEqual(Tree(host.Workspace), Tree(clone));
        using JsonDocument list = JsonDocument.Parse(
            await File.ReadAllBytesAsync(Path.Combine(host.Root, "report", "changes.json"), Token)
        );
        Assert.IsTrue(list.RootElement.GetProperty("applied").GetBoolean());
        JsonElement binary = list
            .RootElement.GetProperty("changes")
            .EnumerateArray()
            .Single(change => change.GetProperty("path").GetString() == "binary");
        Assert.AreEqual(76_800, binary.GetProperty("after").GetProperty("size").GetInt64());
        Assert.AreEqual(6, binary.GetProperty("before").GetProperty("size").GetInt64());
        Assert.AreEqual("changes.patch", binary.GetProperty("patch").GetString());
    }

    [TestMethod]
    [DataRow("exit 3", Verdict.AgentFailed)]
    [DataRow("cat /sys/kernel/uevent_seqnum; exit 0", Verdict.PolicyViolation)]
    [DataRow("sleep 60", Verdict.Timeout)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task RunThatDoesNotPass_LeavesTheWorkspaceAndTellsTheChanges(string end, Verdict verdict)
    {
        using SandboxHost host = new();
        Write(host, "notes", "before\n");
        AgentRunResult result = await host.RunAsync(
            host.Request(
                $"echo after > notes; echo new > new; {end}",
                SandboxHost.BusyboxImage,
                ("filesystem.workspace", "write"),
                ("timeout_seconds", "3")
            ) with
            {
                ReportDirectory = Path.Combine(host.Root, "report"),
            },
            Token
        );
        Assert.AreEqual(verdict, result.Verdict);
        Assert.AreEqual("before\n", Read(host, "notes"));
        Assert.IsFalse(File.Exists(Path.Combine(host.Workspace, "new")));
        CollectionAssert.AreEqual(
            new[] { "new NotApplied", "notes NotApplied" },
            result.Changes.Select(change => $"{change.Path} {change.Status}").ToArray()
        );
        Assert.Contains("+after\n", await File.ReadAllTextAsync(Path.Combine(host.Root, "report", "changes.patch"), Token));
        Assert.IsTrue(host.Events.OfType<WorkspaceChanged>().All(change => change.Status == "Not applied"));
    }

    [TestMethod]
    [DataRow("notes")]
    [DataRow("new")]
    [DataRow("folder")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task WorkspaceChangedMeanwhile_IsLeftAsItIsAndTheRunDoesNotPass(string what)
    {
        using SandboxHost host = new();
        Write(host, "notes", "before\n");
        Write(host, "folder/inner", "x\n");
        Task<AgentRunResult> run = host.RunAsync(
            "echo after > notes; echo made > new; echo y > folder/other; echo other > first; echo ready; sleep 3",
            Token,
            ("filesystem.workspace", "write")
        );
        await host.WhenLineAsync("ready");
        if (what == "folder")
        {
            Directory.Move(Path.Combine(host.Workspace, "folder"), Path.Combine(host.Root, "elsewhere"));
            Directory.CreateSymbolicLink(Path.Combine(host.Workspace, "folder"), Path.Combine(host.Root, "elsewhere"));
        }
        else
        {
            Write(host, what, "the user's\n");
        }

        AgentRunResult result = await run;
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        Assert.Contains($"'{what}' in the workspace is no longer", result.Diagnostics[0].Message);
        Assert.AreEqual(what == "notes" ? "the user's\n" : "before\n", Read(host, "notes"));
        Assert.IsFalse(File.Exists(Path.Combine(host.Workspace, "first")));
        Assert.IsFalse(File.Exists(Path.Combine(host.Root, "elsewhere", "other")));
        Assert.IsTrue(result.Changes.All(change => change.Status == WorkspaceChangeStatus.NotApplied));
    }

    [TestMethod]
    [DataRow("head -c 2000 /dev/zero > big", "max_output_bytes", "1000")]
    [DataRow("for i in 1 2 3 4 5 6; do echo $i > f$i; done", "max_output_files", "5")]
    [DataRow("rm -r many", "max_output_files", "5")]
    [DataRow("for i in 1 2 3 4 5 6; do ln -s many/1 l$i; done", "max_output_files", "5")]
    [DataRow("truncate -s 100G sparse; sleep 20", "max_workspace_bytes", "1000000")]
    [DataRow("head -c 2000000 /dev/zero > .git; sleep 20", "max_workspace_bytes", "1000000")]
    [DataRow("head -c 2000000 /dev/zero > .git", "max_workspace_bytes", "1000000")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ChangesBeyondTheBound_AreDroppedAsOutputsAre(string attempt, string key, string value)
    {
        using SandboxHost host = new();
        for (int i = 0; i < 6; i++)
        {
            Write(host, $"many/{i}", "x");
        }

        AssertVerdict(
            Verdict.OutputLimitExceeded,
            4,
            await host.RunAsync(attempt, Token, ("filesystem.workspace", "write"), (key, value)),
            DiagnosticTable.OutputLimit
        );
        Assert.HasCount(6, Directory.GetFileSystemEntries(host.Workspace, "*", SearchOption.AllDirectories).Where(File.Exists));
    }

    [TestMethod]
    [DataRow("mkdir -p .git/x; ln -s .git/x way", "/workspace/way")]
    [DataRow("ln -s notes .git", "/workspace/.git")]
    [DataRow("mkfifo pipe", "/workspace/pipe")]
    [DataRow("touch \"$(printf 'a\\nb')\"", "/workspace/a\nb")]
    [DataRow("touch \"$(printf 'a\\342\\200\\256b')\"", "/workspace/a\u202Eb")]
    [DataRow("touch .isolated-agents-x", "/workspace/.isolated-agents-x")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LinksSpecialFilesAndHostileNames_AreRejectedAndTold(string attempt, string subject)
    {
        using SandboxHost host = new();
        File.CreateSymbolicLink(Path.Combine(host.Workspace, "link"), "notes");
        Write(host, "notes", "x");
        AgentRunResult result = await host.RunAsync($"echo y > notes; {attempt}", Token, ("filesystem.workspace", "write"));
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.OutputViolation);
        Assert.AreEqual(subject, Assert.ContainsSingle(result.Violations).Subject);
        Assert.AreEqual("x", Read(host, "notes"));
        Assert.HasCount(2, Directory.GetFileSystemEntries(host.Workspace));

        // Where the policy expects it, the rest is taken.
        AgentRunResult expected = await host.RunAsync(
            $"echo y > notes; {attempt}",
            Token,
            ("filesystem.workspace", "write"),
            ("expected_violations", """{"kind":"output","match":"*","reason":"test"}""")
        );
        Assert.AreEqual(Verdict.Passed, expected.Verdict);
        Assert.AreEqual("y\n", Read(host, "notes"));
        Assert.AreEqual(
            "notes",
            File.ResolveLinkTarget(Path.Combine(host.Workspace, "link"), false) is { } target ? Path.GetFileName(target.FullName) : null
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LinkReplacedByAFolder_NothingIsWrittenThroughIt()
    {
        using SandboxHost host = new();
        string outside = Directory.CreateDirectory(Path.Combine(host.Root, "outside")).FullName;
        Directory.CreateSymbolicLink(Path.Combine(host.Workspace, "link"), outside);
        AgentRunResult result = await host.RunAsync(
            "rm link; mkdir link; echo x > link/evil; echo y > fine",
            Token,
            ("filesystem.workspace", "write")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.IsEmpty(Directory.GetFileSystemEntries(outside));
        Assert.AreEqual("y\n", Read(host, "fine"));
        CollectionAssert.AreEqual(
            new[] { "fine Applied", "link HeldBack", "link/evil HeldBack" },
            result.Changes.Select(change => $"{change.Path} {change.Status}").ToArray()
        );
        Assert.IsTrue(
            result.Diagnostics.Any(diagnostic =>
                diagnostic is { Code: DiagnosticTable.FilesystemViolation, Severity: DiagnosticSeverity.Warning }
            )
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task CodeThatRunsOnADevelopersMachine_IsHeldBackUnlessAllowed()
    {
        using SandboxHost host = new();
        Write(host, "package.json", "{}\n");
        Write(host, "src/App.csproj", "<Project/>\n");
        const string Agent =
            "echo '{\"scripts\":{}}' > package.json; echo '<Project x=\"\"/>' > src/App.csproj; echo all: > Makefile; echo fine > src/App.cs";
        AgentRunRequest request = host.Request(
            Agent,
            SandboxHost.BusyboxImage,
            ("filesystem.workspace", "write"),
            ("filesystem.allowed_code_paths", "src/*.csproj")
        ) with
        {
            ReportDirectory = Path.Combine(host.Root, "report"),
        };
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("{}\n", Read(host, "package.json"));
        Assert.IsFalse(File.Exists(Path.Combine(host.Workspace, "Makefile")));
        Assert.AreEqual("<Project x=\"\"/>\n", Read(host, "src/App.csproj"));
        Assert.AreEqual("fine\n", Read(host, "src/App.cs"));
        CollectionAssert.AreEqual(
            new[] { "Makefile HeldBack True", "package.json HeldBack True", "src/App.cs Applied False", "src/App.csproj Applied True" },
            result.Changes.Select(change => $"{change.Path} {change.Status} {change.RunsCode}").ToArray()
        );
        string held = await File.ReadAllTextAsync(Path.Combine(host.Root, "report", "changes.held.patch"), Token);
        Assert.Contains("+++ b/Makefile\n", held);
        Assert.Contains("+++ b/package.json\n", held);
        Assert.DoesNotContain("App.cs", held);
        Assert.DoesNotContain("Makefile", await File.ReadAllTextAsync(Path.Combine(host.Root, "report", "changes.patch"), Token));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task FoldersLeftWithoutPermissions_AreLookedIntoAllTheSame()
    {
        using SandboxHost host = new();
        Write(host, "kept/file", "x");
        AgentRunResult result = await host.RunAsync(
            "mkdir new; echo y > new/file; chmod 0 new kept .; sleep 1.5",
            Token,
            ("filesystem.workspace", "write")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("new/file", Assert.ContainsSingle(result.Changes).Path);
        Assert.AreEqual("y\n", Read(host, "new/file"));
        Assert.IsTrue(File.Exists(Path.Combine(host.Workspace, "kept/file")));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task FilesThatTheAgentsUserMayNotRead_AreNotGivenAndNotReplaced()
    {
        using SandboxHost host = new();
        Write(host, "secret", "key\n");
        Write(host, "closed/inner", "key\n");
        File.SetUnixFileMode(Path.Combine(host.Workspace, "secret"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.SetUnixFileMode(
            Path.Combine(host.Workspace, "closed"),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        AgentRunResult result = await host.RunAsync(
            "ls -A; echo x > secret; mkdir closed; echo x > closed/inner",
            Token,
            ("filesystem.workspace", "write")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.IsEmpty(host.Lines);
        Assert.AreEqual("key\n", Read(host, "secret"));
        Assert.AreEqual("key\n", Read(host, "closed/inner"));
        Assert.IsTrue(result.Changes.All(change => change.Status == WorkspaceChangeStatus.HeldBack));
        Assert.HasCount(2, result.Changes);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task WorkspaceOfFiveThousandFiles_IsCopiedAndLookedAtInSeconds()
    {
        using SandboxHost host = new();
        for (int i = 0; i < 5000; i++)
        {
            Write(host, $"folder{i % 50}/file{i}", $"{i}\n");
        }

        AgentRunResult result = await host.RunAsync(
            "find . -type f | wc -l; echo x >> folder7/file7; rm folder8/file8",
            Token,
            ("filesystem.workspace", "write")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("5000", host.Lines[0].Trim());
        CollectionAssert.AreEqual(
            new[] { "folder7/file7 Changed", "folder8/file8 Deleted" },
            result.Changes.Select(change => $"{change.Path} {change.Kind}").ToArray()
        );
        Assert.IsLessThan(20, result.Duration.TotalSeconds);
        context.WriteLine($"{result.Duration.TotalSeconds} s");
    }

    private static AgentRunRequest Request(SandboxHost host, string script)
    {
        string agent = Path.Combine(host.Root, "script.py");
        File.WriteAllText(agent, script);
        return host.Request("", SandboxHost.PythonImage, ("filesystem.workspace", "write")) with
        {
            Command = null,
            Agent = agent,
            ReportDirectory = Path.Combine(host.Root, "report"),
        };
    }

    private static void Write(SandboxHost host, string name, string content) =>
        Write(host, name, System.Text.Encoding.UTF8.GetBytes(content));

    private static void Write(SandboxHost host, string name, byte[] content)
    {
        string path = Path.Combine(host.Workspace, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }

    private static string Read(SandboxHost host, string name) => File.ReadAllText(Path.Combine(host.Workspace, name));

    private async Task<string> CloneAsync(SandboxHost host)
    {
        string clone = Path.Combine(host.Root, "clone");
        await GitAsync(host.Root, "init", "-q", clone);
        foreach (string file in Directory.GetFiles(host.Workspace, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(clone, Path.GetRelativePath(host.Workspace, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        await GitAsync(clone, "add", "-A");
        return clone;
    }

    private async Task GitAsync(string folder, params string[] arguments)
    {
        using System.Diagnostics.Process git = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo("git", ["-C", folder, "-c", "core.autocrlf=false", .. arguments])
            {
                RedirectStandardError = true,
            }
        )!;
        string said = await git.StandardError.ReadToEndAsync(Token);
        await git.WaitForExitAsync(Token);
        Assert.AreEqual(0, git.ExitCode, said);
    }

    // Every file with its content and whether it may be executed.
    private static string[] Tree(string folder) =>
        [
            .. Directory
                .GetFiles(folder, "*", SearchOption.AllDirectories)
                .Where(file => !file.Contains("/.git/", StringComparison.Ordinal))
                .Select(file =>
                    $"{Path.GetRelativePath(folder, file)} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)))} {File.GetUnixFileMode(file).HasFlag(UnixFileMode.UserExecute)}"
                )
                .Order(StringComparer.Ordinal),
        ];
}
