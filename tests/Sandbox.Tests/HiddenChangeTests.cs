using System.Collections.Frozen;
using System.Diagnostics;
using IsolatedAgents.Changes;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using IsolatedAgents.Workspaces;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>A change that git of the host would not show, by an attribute or a setting of the host's, does not come back.</summary>
[TestClass]
public sealed class HiddenChangeTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string Evil = "printf 'a $Id: evil $ b\\n' > src/a.cs";

    private CancellationToken Token => context.CancellationToken;

    /// <summary>
    /// What the host has beside src/a.cs with <c>a $Id$ b</c>, src/lines.sh and the submodule mod; what the agent does; and what
    /// comes back or is held back.
    /// </summary>
    [TestMethod]
    // A part of the content that git leaves out.
    [DataRow("echo '*.cs ident' > .gitattributes", Evil, "src/a.cs HeldBack")]
    [DataRow("echo 'a.cs ident' > src/.gitattributes", Evil, "src/a.cs HeldBack")]
    [DataRow("echo '/src/* ident' > .git/info/attributes", Evil, "src/a.cs HeldBack")]
    [DataRow("echo '* ident' > $HOME/attributes; git config core.attributesFile $HOME/attributes", Evil, "src/a.cs HeldBack")]
    [DataRow("mkdir -p $HOME/.config/git; echo '* ident' > $HOME/.config/git/attributes", Evil, "src/a.cs HeldBack")]
    [DataRow("printf '[attr]own ident\\n[attr]more own\\n*.cs more\\n' > .gitattributes", Evil, "src/a.cs HeldBack")]
    [DataRow("printf '\"src/\\\\141.cs\" ident\\n' > .gitattributes", Evil, "src/a.cs HeldBack")]
    [DataRow(
        "printf '*.cs ident\\n' > .gitattributes; git add .gitattributes; git commit -qm attributes; rm .gitattributes",
        Evil,
        "src/a.cs HeldBack"
    )]
    [DataRow("echo '*.cs ident' > .gitattributes", "printf 'x $Id: evil $\\n' > src/new.cs", "src/new.cs HeldBack")]
    [DataRow(
        "echo '*.cs ident' > .gitattributes",
        "printf 'changed $Id$ b\\n' > src/a.cs; echo plain > src/new.cs",
        "src/a.cs Applied|src/new.cs Applied"
    )]
    [DataRow("echo '*.md ident' > .gitattributes", Evil, "src/a.cs Applied")]
    // All of it.
    [DataRow("echo '*.sh filter=same' > .gitattributes", "chmod +x src/lines.sh", "src/lines.sh Applied")]
    [DataRow(
        "echo '*.cs filter=same' > .gitattributes; git config filter.same.clean 'git cat-file blob HEAD:src/a.cs'",
        "echo evil > src/a.cs",
        "src/a.cs HeldBack"
    )]
    [DataRow("echo '*.txt working-tree-encoding=UTF-16' > .gitattributes", "printf 'a\\0b\\0' > src/x.txt", "src/x.txt HeldBack")]
    // Line ends.
    [DataRow("echo '* text=auto' > .gitattributes", "printf 'one\\r\\ntwo\\r\\n' > src/lines.sh", "src/lines.sh HeldBack")]
    [DataRow("git config core.autocrlf input", "printf 'one\\r\\ntwo\\n' > src/lines.sh", "src/lines.sh HeldBack")]
    [DataRow("echo '* text=auto' > .gitattributes", "printf 'one\\r\\nother\\r\\n' > src/lines.sh", "src/lines.sh Applied")]
    [DataRow("true", "printf 'one\\r\\ntwo\\r\\n' > src/lines.sh", "src/lines.sh Applied")]
    // Modes, and new files.
    [DataRow("git config core.fileMode false", "chmod +x src/lines.sh", "src/lines.sh HeldBack")]
    [DataRow("true", "chmod +x src/lines.sh", "src/lines.sh Applied")]
    [DataRow("git config status.showUntrackedFiles no", "echo x > src/new.cs; echo y > src/a.cs", "src/a.cs Applied")]
    // Submodules.
    [DataRow("git config -f .gitmodules submodule.mod.ignore all", "echo x > mod/f.py; echo x > mod/new.py; echo x > b.cs", "b.cs Applied")]
    [DataRow("git config -f .gitmodules submodule.mod.ignore dirty", "echo x > mod/f.py", "")]
    [DataRow("git config submodule.mod.ignore untracked", "echo x > mod/new.py", "")]
    [DataRow("git config diff.ignoreSubmodules all", "echo x > mod/f.py", "")]
    [DataRow("git add .gitmodules; git commit -qm modules --allow-empty; rm .gitmodules", "echo x > mod/f.py", "")]
    [DataRow("git config submodule.other.ignore all", "echo x > mod/f.py; echo x > mod/new.py", "mod/f.py Applied|mod/new.py Applied")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ChangeThatGitWouldNotShow_StaysAndIsTold(string laid, string attempt, string expected)
    {
        using SandboxHost host = new();
        await LayAsync(host);
        await ShellAsync(host, laid);
        AgentRunResult result = await RunAsync(host, attempt);
        AssertVerdict(Verdict.Passed, 0, result);
        AssertChanges(expected, result);
        foreach (WorkspaceChange change in result.Changes.Where(change => change.Status == WorkspaceChangeStatus.Applied))
        {
            string folder = change.Path.StartsWith("mod/", StringComparison.Ordinal) ? "mod" : ".";
            string shown = await ShellAsync(host, $"cd {folder}; git status --porcelain=v1 --untracked-files=all");
            Assert.Contains(Path.GetFileName(change.Path), shown);
        }

        foreach (WorkspaceChange change in result.Changes.Where(change => change.Status == WorkspaceChangeStatus.HeldBack))
        {
            WorkspaceHeldBack held = Assert.ContainsSingle(host.Events.OfType<WorkspaceHeldBack>().Where(told => told.File == change.Path));
            Assert.AreEqual(ChangeRules.HiddenRule, held.Rule);
            Assert.Contains(
                told => told.Code == DiagnosticTable.FilesystemViolation && told.Message.Contains(change.Path, StringComparison.Ordinal),
                result.Diagnostics
            );
        }

        if (expected.Length == 0 || expected == "b.cs Applied")
        {
            Assert.IsGreaterThan(0, Assert.ContainsSingle(host.Events.OfType<WorkspaceLeft>()).Ignored);
        }
    }

    // The change would have been out of sight: what the rule is there for.
    [TestMethod]
    [DataRow("echo '*.cs ident' > .gitattributes", Evil)]
    [DataRow("echo '* text=auto' > .gitattributes", "printf 'one\\r\\ntwo\\r\\n' > src/lines.sh")]
    [DataRow("git config -f .gitmodules submodule.mod.ignore all", "echo x > mod/f.py")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task PolicyNamesTheFile_ItComesBackThoughGitDoesNotShowIt(string laid, string attempt)
    {
        using SandboxHost host = new();
        await LayAsync(host);
        await ShellAsync(host, laid + "; git add -A; git commit -qm laid --allow-empty");
        AgentRunResult result = await RunAsync(host, attempt, ("filesystem.return_ignored", "src/**|mod/**"));
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual(WorkspaceChangeStatus.Applied, Assert.ContainsSingle(result.Changes).Status);
        Assert.AreEqual("", await ShellAsync(host, "git diff HEAD; git add -A; git status --porcelain=v1 --untracked-files=all"));
    }

    // What an agent may write of these files counts as it would be.
    [TestMethod]
    [DataRow("echo '*.cs ident' > .gitattributes; " + Evil, ".gitattributes", ".gitattributes Applied|src/a.cs HeldBack")]
    [DataRow(
        "git config -f .gitmodules submodule.mod.ignore all; echo x > mod/f.py",
        ".gitmodules",
        ".gitmodules HeldBack|mod/f.py Applied"
    )]
    // No file of the host is read that it names.
    [DataRow("git config -f .gitmodules include.path /dev/zero; echo x > b.cs", ".gitmodules", ".gitmodules Applied|b.cs Applied")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AttributesOfTheAgent_CountAsFarAsTheyComeBack(string attempt, string allowed, string expected)
    {
        using SandboxHost host = new();
        await LayAsync(host);
        AgentRunResult result = await RunAsync(host, attempt, ("filesystem.allowed_code_paths", allowed));
        AssertVerdict(Verdict.Passed, 0, result);
        AssertChanges(expected, result);
    }

    // An earlier run has left src/left.cs, which nobody has added; the host's own build has made obj/a.txt.
    [TestMethod]
    [DataRow("echo left.cs >> .gitignore", ".gitignore HeldBack")]
    [DataRow("echo '*' > src/.gitignore; echo '!.gitignore' >> src/.gitignore", "src/.gitignore HeldBack")]
    [DataRow(
        "echo left.cs > .gitignore; echo x > src/b.cs; echo none > mod.gitignore",
        ".gitignore HeldBack|mod.gitignore Applied|src/b.cs Applied"
    )]
    [DataRow("echo '*.tmp' > src/.gitignore; echo left.cs >> .gitignore", ".gitignore HeldBack|src/.gitignore Applied")]
    [DataRow("rm src/left.cs; echo left.cs >> .gitignore", ".gitignore HeldBack")]
    [DataRow("printf 'obj/\\n*.log\\n' >> .gitignore", ".gitignore Applied")]
    [DataRow("echo a.cs >> .gitignore; echo x > src/a.cs", ".gitignore Applied|src/a.cs Applied")]
    [DataRow("rm kept/.gitignore", "kept/.gitignore HeldBack")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task PatternsThatWouldHideWhatLiesThere_AreHeldBack(string attempt, string expected)
    {
        using SandboxHost host = new();
        await LayAsync(host);
        await ShellAsync(
            host,
            "printf '*.keep\\n' > .gitignore; mkdir kept; printf '!*.keep\\n' > kept/.gitignore; git add -A; git commit -qm patterns; "
                + "echo x > src/left.cs; echo x > kept/x.keep; mkdir obj; echo x > obj/a.txt"
        );
        AgentRunResult result = await RunAsync(host, attempt);
        AssertVerdict(Verdict.Passed, 0, result);
        AssertChanges(expected, result);
        foreach (WorkspaceHeldBack held in host.Events.OfType<WorkspaceHeldBack>())
        {
            Assert.Contains("would have git ignore", held.Reason);
        }
    }

    // A build would write to, or empty, where the link leads.
    [TestMethod]
    [DataRow(
        "ln -s src dist; ln -s src artifacts; ln -s src publish; ln -s src packages; ln -s src TestResults; ln -s src wwwroot; ln -s src build; ln -s src out",
        8
    )]
    [DataRow("ln -s src bin; ln -s src obj; ln -s src target; ln -s src node_modules; ln -s src .venv", 0)]
    [DataRow("mkdir deep; ln -s ../src deep/DIST; ln -s ../src deep/testresults; ln -s src/a.cs Build", 3)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LinkInThePlaceOfAnOutputFolder_Stays(string attempt, int links)
    {
        using SandboxHost host = new();
        await LayAsync(host);
        AgentRunResult result = await RunAsync(host, attempt + "; ln -s src way");
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("way", Assert.ContainsSingle(result.Changes).Path);
        WorkspaceLeft left = Assert.ContainsSingle(host.Events.OfType<WorkspaceLeft>());
        Assert.AreEqual(links, left.Links);
        IEnumerable<string> made = Directory.GetFileSystemEntries(host.Workspace).Where(path => new FileInfo(path).LinkTarget is not null);
        Assert.AreEqual("way", string.Join('|', made.Select(Path.GetFileName)));
    }

    private static void AssertChanges(string expected, AgentRunResult result) =>
        CollectionAssert.AreEqual(
            expected.Split('|', StringSplitOptions.RemoveEmptyEntries),
            result.Changes.Select(change => $"{change.Path} {WordOf(change)}").ToArray(),
            string.Join('|', result.Changes.Select(change => $"{change.Path} {change.Status} {change.HeldBackReason}"))
        );

    private static string WordOf(WorkspaceChange change) =>
        change is { Kind: WorkspaceChangeKind.Deleted, HeldBackReason: null } ? "Deleted" : change.Status.ToString();

    private Task<AgentRunResult> RunAsync(SandboxHost host, string attempt, params (string Key, string Value)[] policy) =>
        host.RunAsync(
            host.Request("", SandboxHost.ClientsImage, [("filesystem.workspace", "write"), .. policy]) with
            {
                Command = "export HOME=/tmp; git config --global safe.directory '*'; " + attempt,
                HostEnvironment = new Dictionary<string, string>(host.Environment) { ["HOME"] = Home(host) }.ToFrozenDictionary(),
            },
            Token
        );

    private async Task LayAsync(SandboxHost host)
    {
        Directory.CreateDirectory(Home(host));
        await ShellAsync(
            host,
            "git init -q -b main .; mkdir src mod; printf 'a $Id$ b\\n' > src/a.cs; printf 'one\\ntwo\\n' > src/lines.sh; "
                + "git init -q -b main mod; echo f > mod/f.py; git -C mod add -A; git -C mod commit -qm mod; "
                + "git config -f .gitmodules submodule.mod.path mod; "
                + "git config -f .gitmodules submodule.mod.url ./mod; git add -A 2>/dev/null; git commit -qm base"
        );
    }

    private static string Home(SandboxHost host) => Path.Combine(host.Root, "home");

    private async Task<string> ShellAsync(SandboxHost host, string command)
    {
        ProcessStartInfo start = new("sh", ["-ec", command])
        {
            WorkingDirectory = host.Workspace,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (
            (string name, string value) in new[]
            {
                ("HOME", Home(host)),
                ("GIT_AUTHOR_NAME", "a"),
                ("GIT_AUTHOR_EMAIL", "a@b"),
                ("GIT_COMMITTER_NAME", "a"),
                ("GIT_COMMITTER_EMAIL", "a@b"),
                ("GIT_CONFIG_COUNT", "1"),
                ("GIT_CONFIG_KEY_0", "safe.directory"),
                ("GIT_CONFIG_VALUE_0", "*"),
            }
        )
        {
            start.Environment[name] = value;
        }

        using Process shell = Process.Start(start)!;
        Task<string> said = shell.StandardError.ReadToEndAsync(Token);
        string output = await shell.StandardOutput.ReadToEndAsync(Token);
        await shell.WaitForExitAsync(Token);
        Assert.AreEqual(0, shell.ExitCode, await said);
        return output;
    }
}
