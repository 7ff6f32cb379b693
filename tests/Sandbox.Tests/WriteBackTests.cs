using System.Diagnostics;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>
/// What comes back of a writable workspace is what a review would see: nothing that git hides, that a build would take unseen, or that
/// leads somewhere else.
/// </summary>
[TestClass]
public sealed class WriteBackTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string Write = "filesystem.workspace";

    private CancellationToken Token => context.CancellationToken;

    // What the agent does in a repository that tracks src/a.cs, lib/tracked.dll, bin/tool.sh and ignores *.log and /gen/; then the paths
    // that come back or are held back.
    [TestMethod]
    [DataRow("echo x > obj.txt", "obj.txt Applied")]
    [DataRow("mkdir -p obj/Debug && echo x > obj/Debug/App.dll", "")]
    [DataRow("mkdir -p OBJ/Debug && echo x > OBJ/Debug/App.txt", "")]
    [DataRow("mkdir -p node_modules/p && echo x > node_modules/p/index.js", "")]
    [DataRow("mkdir -p node_modules/p/.github && echo x > node_modules/p/.github/FUNDING.yml", "")]
    [DataRow("echo x > src/native.so; echo x > src/native.so.1; echo x > src/x.PYC; echo x > src/a.jar", "")]
    [DataRow("echo x > src/x.log; mkdir gen; echo x > gen/made.cs", "")]
    [DataRow("echo x > src/user.tmp", "")]
    [DataRow("echo x > excluded.txt", "")]
    [DataRow("echo changed > bin/tool.sh; echo x > bin/new.sh", "bin/tool.sh Applied")]
    [DataRow("echo changed > lib/tracked.dll", "lib/tracked.dll HeldBack")]
    [DataRow("rm cache.log", "")]
    [DataRow("echo changed > cache.log", "")]
    [DataRow("rm kept.log", "kept.log Deleted")]
    [DataRow("echo changed > kept.log", "kept.log Applied")]
    [DataRow("echo 'evil.cs' >> .gitignore; echo x > src/evil.cs", ".gitignore Applied")]
    [DataRow("echo '!*.log' >> .gitignore; echo x > x.log", ".gitignore Applied")]
    [DataRow("rm .gitignore; echo x > x.log", ".gitignore Deleted")]
    [DataRow(
        "printf '*\\n!.gitignore\\n' > src/.gitignore; echo x > src/evil.cs; echo y > src/a.cs",
        "src/.gitignore Applied|src/a.cs Applied"
    )]
    [DataRow("echo '*' > src/.gitignore; echo x > src/evil.cs", "")]
    [DataRow("echo x >> .git/info/exclude; echo y > x", "x Applied")]
    [DataRow(
        "git config core.excludesFile /workspace/src/a.cs; git update-index --skip-worktree src/a.cs; echo hidden > src/a.cs",
        "src/a.cs Applied"
    )]
    [DataRow("echo changed > assumed.cs", "")]
    [DataRow("git add -f src/a.cs; echo x > y.log; git add -f y.log", "")]
    [DataRow("git init -q sub; echo x > sub/a.cs; echo a.cs > sub/.git/info/exclude", "sub/a.cs Applied")]
    [DataRow("rm -r .git; git init -q .; echo x > x.log; echo y > y.cs", "y.cs Applied")]
    [DataRow(
        "git checkout -q -b other; git commit -qam x --allow-empty; git update-ref refs/heads/main HEAD; echo x > y.cs",
        "y.cs Applied"
    )]
    [DataRow("mkdir .GIT; echo x > .GIT/config; mkdir 'git~1'; echo x > 'git~1/config'; mkdir '.git '; echo x > '.git /config'", "")]
    [DataRow("mkdir .hg .svn .jj; echo x > .hg/hgrc; echo x > .svn/wc.db; echo x > .jj/x", "")]
    [DataRow("echo 'gitdir: /tmp/evil' > src/.git", "")]
    [DataRow("git init -q --bare docs; echo x > docs/readme.md", "docs/readme.md Applied")]
    [DataRow("mkdir -p d/refs d/objects; echo x > d/refs/x; echo x > d/objects/y; echo 'ref: x' > d/HEAD; echo x > d/config", "")]
    [DataRow("mkdir foo; echo x > foo/Head; echo y > foo/Config", "foo/Config HeldBack|foo/Head HeldBack")]
    [DataRow("mkdir e; echo ../src > e/commondir; echo 'ref: refs/heads/x' > e/HEAD", "")]
    [DataRow("rm src/a.cs; mkdir src/a.cs; echo x > src/a.cs/b.dll; echo y > src/a.cs/b.cs", "src/a.cs Deleted|src/a.cs/b.cs Applied")]
    [DataRow("rm -r gen2; echo x > gen2", "gen2 HeldBack")]
    [DataRow(
        "echo x > .gitattributes; echo y > AGENTS.md; mkdir -p a/b; echo z > a/b/CLAUDE.md; echo v > .cursorrules",
        ".cursorrules HeldBack|.gitattributes HeldBack|AGENTS.md HeldBack|a/b/CLAUDE.md HeldBack"
    )]
    [DataRow(
        "mkdir -p Properties .run; echo x > Properties/launchSettings.json; echo x > .run/a.xml; echo x > x.ps1; echo x > y.cmd; echo x > tsconfig.json",
        ".run/a.xml HeldBack|Properties/launchSettings.json HeldBack|tsconfig.json HeldBack|x.ps1 HeldBack|y.cmd HeldBack"
    )]
    [DataRow("echo x > src/.GITIGNORE; echo '*' > 'src/gitign~1'", "src/.GITIGNORE HeldBack|src/gitign~1 HeldBack")]
    [DataRow("head -c 5000000 /dev/zero | tr '\\0' '\\n' > .gitignore; echo x > new.cs", "new.cs Applied")]
    [DataRow(
        "rm src/a.cs; mkdir -p src/a.cs; echo '!evil.cs' > src/a.cs/.gitignore; echo evil.cs >> .gitignore; echo x > src/a.cs/evil.cs",
        ".gitignore Applied|src/a.cs Deleted|src/a.cs/.gitignore Applied|src/a.cs/evil.cs Applied"
    )]
    [DataRow("mkdir -p a/b; echo '/a/b/x.cs' > a/.gitignore; echo '*' >> .gitignore; echo x > a/b/x.cs", ".gitignore Applied")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ChangesInARepository_ComeBackAsFarAsGitShowsThem(string attempt, string expected)
    {
        using SandboxHost host = new();
        await LayRepositoryAsync(host);
        string before = await GitStateAsync(host);
        AgentRunResult result = await RunAsync(host, attempt);
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEqual(
            expected.Split('|', StringSplitOptions.RemoveEmptyEntries),
            result
                .Changes.Select(change =>
                    $"{change.Path} {(change.Kind == Workspaces.WorkspaceChangeKind.Deleted ? change.Kind.ToString() : change.Status.ToString())}"
                )
                .ToArray(),
            string.Join('\n', host.Events.OfType<AgentOutput>().Select(line => line.Line))
        );
        Assert.AreEqual(before, await GitStateAsync(host));
        // What is there and was not before is what git shows.
        string[] shown = (await GitAsync(host.Workspace, "status", "--porcelain=v1", "-z", "--untracked-files=all")).Split(
            '\0',
            StringSplitOptions.RemoveEmptyEntries
        );
        foreach (
            Workspaces.WorkspaceChange change in result.Changes.Where(change => change.Status == Workspaces.WorkspaceChangeStatus.Applied)
        )
        {
            Assert.IsTrue(
                shown.Any(line => line[3..] == change.Path),
                $"{change.Path} is changed, and git does not show it: {string.Join('|', shown)}"
            );
        }
    }

    [TestMethod]
    [DataRow("mkdir -p obj bin; echo x > obj/App.dll; echo x > bin/x; echo x > a.dll; echo x > a.cs", "", "a.cs", 3)]
    [DataRow("mkdir -p obj/gen bin; echo x > obj/gen/A.cs; echo x > obj/App.dll; echo x > bin/x", "obj/gen/**", "obj/gen/A.cs", 2)]
    [DataRow("mkdir -p obj; echo x > obj/App.dll; echo x > obj/Makefile", "obj/App.dll", "obj/App.dll", 1)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task NoRepository_TheFixedListHoldsUnlessThePolicyNamesFiles(string attempt, string returned, string expected, int left)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            attempt,
            Token,
            [(Write, "write"), .. returned.Length == 0 ? Array.Empty<(string, string)>() : [("filesystem.return_ignored", returned)]]
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual(expected, string.Join('|', result.Changes.Select(change => change.Path)));
        Assert.IsTrue(File.Exists(Path.Combine(host.Workspace, expected)));
        WorkspaceLeft told = Assert.ContainsSingle(host.Events.OfType<WorkspaceLeft>());
        Assert.AreEqual(left, told.Ignored);
    }

    // An agent that could write the record of its own passing would not have to pass.
    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task RecordOfThisRun_DoesNotComeBackWhateverThePolicyNames()
    {
        using SandboxHost host = new();
        string folder = Directory.CreateDirectory(Path.Combine(host.Workspace, "records", "app")).FullName;
        AgentRunRequest request = host.Request(
            "echo forged > records/app/a.stamp; echo forged > records/app/b; echo x > a.cs",
            SandboxHost.BusyboxImage,
            (Write, "write"),
            ("filesystem.return_ignored", "records/**")
        ) with
        {
            StampFile = Path.Combine(folder, "a.stamp"),
        };
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("a.cs", Assert.ContainsSingle(result.Changes).Path);
        Assert.IsFalse(File.Exists(Path.Combine(folder, "b")));
        Assert.DoesNotContain("forged", await File.ReadAllTextAsync(Path.Combine(folder, "a.stamp"), Token));
    }

    // What does not come back does not count, and the copy has a bound of its own.
    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task BuildOutputs_DoNotCountAgainstTheBoundsOfChanges()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            "mkdir -p target/debug; head -c 3000000 /dev/zero > target/debug/app; for i in $(seq 200); do echo $i > target/debug/$i; done; echo x > a.cs",
            Token,
            (Write, "write"),
            ("max_output_bytes", "1000"),
            ("max_output_files", "5")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("a.cs", Assert.ContainsSingle(result.Changes).Path);
        Assert.AreEqual(201, Assert.ContainsSingle(host.Events.OfType<WorkspaceLeft>()).Ignored);
    }

    // A real tool whose links lead out of the workspace.
    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task VirtualEnvironment_IsNoViolationAndStaysInTheCopy()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            "import os, subprocess, sys\nos.chdir('/workspace')\nsubprocess.run([sys.executable, '-m', 'venv', '--without-pip', '.venv'], check=True)\nsubprocess.run(['.venv/bin/python', '-c', 'open(\"made.txt\", \"w\")'], check=True)",
            Token,
            (Write, "write"),
            ("max_output_files", "3")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("made.txt", Assert.ContainsSingle(result.Changes).Path);
        Assert.IsFalse(Directory.Exists(Path.Combine(host.Workspace, ".venv")));
    }

    // Each attempt, the links that come back with what they hold, and how many stay.
    [TestMethod]
    [DataRow("ln -s a.cs src/way", "src/way>a.cs", 0)]
    [DataRow("ln -s ../src/a.cs doc/way", "doc/way>../src/a.cs", 0)]
    [DataRow("ln -s src/sub folder", "folder>src/sub", 0)]
    [DataRow("mkdir -p new/below; echo x > new/below/file; ln -s new/below way", "way>new/below", 0)]
    [DataRow("rm doc/readme.txt; ln -s ../src/a.cs doc/readme.txt", "doc/readme.txt>../src/a.cs", 0)]
    [DataRow("ln -s /workspace/src/a.cs way", "", 1)]
    [DataRow("ln -s /etc/passwd way; ln -s ../outside way2; ln -s nothing way3; ln -s src/../../x way4", "", 4)]
    [DataRow("ln -s src/a.cs one; ln -s one two; ln -s two three", "one>src/a.cs", 2)]
    [DataRow("ln -s src way; ln -s way/a.cs through", "way>src", 1)]
    [DataRow("ln -s loop loop; ln -s ping pong; ln -s pong ping", "", 3)]
    [DataRow("ln -s nothing/../src/a.cs way", "", 1)]
    [DataRow("ln -s src/a.cs/ way; ln -s src/a.cs/../a.cs way2", "", 2)]
    [DataRow("ln -s . way; ln -s src/.. way2", "", 2)]
    [DataRow("ln -s Makefile way; ln -s build.mk way2", "", 2)]
    [DataRow(
        "ln -sf src/a.cs Makefile; ln -s src/a.cs .envrc; ln -s src .config; ln -sf src/a.cs .gitignore; ln -s src/a.cs x.dll; ln -s src bin",
        "",
        4
    )]
    [DataRow("mkdir obj; echo x > obj/a; ln -s obj/a way; ln -s obj way2; ln -s x.log way3; echo x > x.log", "", 3)]
    [DataRow("rm -r src/sub; ln -s ../doc src/sub", "", 1)]
    [DataRow("rm src/sub/b.cs; ln -s ../../doc src/sub/deep", "src/sub/deep>../../doc", 0)]
    [DataRow("rm src/a.cs; ln -s src/a.cs way", "", 1)]
    [DataRow("echo x > evil.mk; ln -s evil.mk way", "", 1)]
    [DataRow("ln -s agents/own.py way", "", 1)]
    [DataRow("rm there; ln -s src/a.cs there", "", 1)]
    [DataRow("ln -s there/x way; ln -s there way2", "", 2)]
    [DataRow("ln -s module way; ln -s module/file way2", "way2>module/file", 1)]
    [DataRow("ln -s .github/x.yml way; ln -s .github way2", "", 2)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Links_ComeBackWhereTheyLeadToWhatIsThereAndNowhereElse(string attempt, string expected, int stay)
    {
        using SandboxHost host = new();
        await LayRepositoryAsync(host);
        foreach (
            (string name, string content) in new[]
            {
                ("src/sub/b.cs", "b\n"),
                ("doc/readme.txt", "r\n"),
                ("doc/more.txt", "m\n"),
                ("Makefile", "all:\n"),
                ("build.mk", "x\n"),
                ("agents/own.py", "print()\n"),
                ("module/file", "m\n"),
                (".github/x.yml", "x\n"),
            }
        )
        {
            Put(host, name, content);
        }

        await GitAsync(host.Workspace, "init", "-q", "module");
        File.CreateSymbolicLink(Path.Combine(host.Workspace, "there"), "src");
        AgentRunResult result = await host.RunAsync(
            host.Request("", SandboxHost.BusyboxImage, (Write, "write"), ("filesystem.protected_paths", ".github|agents/own.py")) with
            {
                Command = "export HOME=/tmp; " + attempt,
                ReportDirectory = Path.Combine(host.Root, "report"),
            },
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        string[] links =
        [
            .. result
                .Changes.Where(change => change.After?.LinkTarget is not null)
                .Select(change => $"{change.Path}>{change.After!.LinkTarget}"),
        ];
        CollectionAssert.AreEqual(expected.Split('|', StringSplitOptions.RemoveEmptyEntries), links);
        foreach (string link in links)
        {
            string[] parts = link.Split('>');
            Assert.AreEqual(parts[1], new FileInfo(Path.Combine(host.Workspace, parts[0])).LinkTarget);
            Assert.Contains(
                $"new file mode 120000",
                await File.ReadAllTextAsync(Path.Combine(host.Root, "report", "changes.patch"), Token)
            );
        }

        Assert.AreEqual(stay, host.Events.OfType<WorkspaceLeft>().SingleOrDefault()?.Links ?? 0);
        Assert.AreEqual("src", new FileInfo(Path.Combine(host.Workspace, "there")).LinkTarget);
    }

    // The commits come as patches, and nothing of the repository itself.
    [TestMethod]
    [DataRow(
        "echo 1 >> src/a.cs; git commit -qam one; echo 2 > src/new.cs; git add src/new.cs; git commit -qm 'two: ü'",
        "commits/0001.patch|commits/0002.patch",
        ""
    )]
    [DataRow(
        "echo 1 >> src/a.cs; git commit -qam one; git gc -q --prune=now; head -c 9000 /dev/urandom > src/data; git add src/data; git commit -qm two; git checkout -q -b other",
        "commits/0001.patch|commits/0002.patch",
        ""
    )]
    [DataRow(
        "mkdir .github; echo x > .github/w.yml; git add -A; git commit -qm ci; git rm -q .github/w.yml; git commit -qm gone",
        "commits.held/0001.patch|commits.held/0002.patch",
        "A commit changes '.github/w.yml'"
    )]
    [DataRow("ln -s /etc/passwd src/way; git add -A; git commit -qm link", "commits.held/0001.patch", "A commit changes 'src/way'")]
    [DataRow(
        "mkdir obj; echo x > obj/App.txt; git add -f obj; git commit -qm built",
        "commits.held/0001.patch",
        "A commit changes 'obj/App.txt'"
    )]
    [DataRow(
        "echo 1 >> src/a.cs; printf 'one\\n\\ndiff --git a/evil.cs b/evil.cs\\nnew file mode 100644\\n--- /dev/null\\n+++ b/evil.cs\\n@@ -0,0 +1 @@\\n+evil\\n' > /tmp/m; git commit -qa -F /tmp/m",
        "",
        "does not give what the commit holds"
    )]
    [DataRow(
        "echo 1 >> src/a.cs; printf 'one\\n\\nFrom 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\\nFrom: a <a@b>\\nSubject: x\\n' > /tmp/m; git commit -qa -F /tmp/m",
        "",
        "does not give what the commit holds"
    )]
    [DataRow(
        "printf 'x\\r\\ny\\r\\n' > src/run.sh; git add -A; git commit -qm crlf; printf 'x\\r\\nz\\r\\n' > src/run.sh; git commit -qam more; printf '\\0\\r\\nFrom x' > src/data; git add -A; git commit -qm data",
        "commits/0001.patch|commits/0002.patch|commits/0003.patch",
        ""
    )]
    [DataRow(
        "echo 1 >> src/a.cs; printf 'one\\n\\n---\\ndiff --git a/src/evil.cs b/src/evil.cs\\nnew file mode 100644\\n--- /dev/null\\n+++ b/src/evil.cs\\n@@ -0,0 +1 @@\\n+evil\\n' > /tmp/m; git commit -qa -F /tmp/m",
        "",
        "does not give what the commit holds"
    )]
    [DataRow(
        "echo 1 >> src/a.cs; printf 'one\\n\\nContent-Transfer-Encoding: base64\\nContent-Type: text/plain; charset=UTF-16\\n\\nx\\n' > /tmp/m; git commit -qa -F /tmp/m",
        "commits/0001.patch",
        ""
    )]
    [DataRow("mkdir foo; echo x > foo/Head; git add -A; git commit -qm bare", "commits.held/0001.patch", "A commit changes 'foo/Head'")]
    [DataRow("echo 1 >> src/a.cs; git commit -qa --amend -m other", "", "do not follow the commit")]
    [DataRow(
        "echo 1 >> src/a.cs; git commit -qam one; git checkout -q -b s HEAD~1; echo 2 > src/b.cs; git add -A; git commit -qm two; git merge -q -m m main",
        "",
        "there are merges"
    )]
    [DataRow("echo 0123456789012345678901234567890123456789 > .git/refs/heads/main", "", "The agent's commits are not given")]
    [DataRow("git status -s", "", "")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Commits_AreGivenAsPatchesThatGiveTheirVeryTrees(string attempt, string files, string problem)
    {
        using SandboxHost host = new();
        await LayRepositoryAsync(host);
        string before = await GitStateAsync(host);
        await GitAsync(host.Root, "clone", "-q", host.Workspace, "clone");
        string report = Path.Combine(host.Root, "report");
        AgentRunResult result = await RunAsync(
            host,
            attempt + "; git rev-parse HEAD^{tree} || true",
            ("filesystem.return_git", "commits"),
            ("filesystem.protected_paths", "secret")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        string[] written =
        [
            .. host.Events.OfType<WorkspaceChanged>().Where(change => change.Operation == "Commit").Select(change => change.File),
        ];
        CollectionAssert.AreEqual(
            files.Split('|', StringSplitOptions.RemoveEmptyEntries),
            written,
            string.Join('\n', host.Events.OfType<WorkspaceHeldBack>().Select(held => held.Reason))
        );
        Assert.AreEqual(before, await GitStateAsync(host));
        Assert.AreEqual(
            problem.Length > 0,
            host.Events.OfType<WorkspaceHeldBack>()
                .Any(held => held.Rule == "filesystem.return_git" && held.Reason.Contains(problem, StringComparison.Ordinal))
        );
        if (written.Length > 0)
        {
            await GitAsync(
                Path.Combine(host.Root, "clone"),
                ["am", "-q", "--keep-cr", .. written.Select(file => Path.Combine(report, file))]
            );
            Assert.AreEqual(host.Lines[^1].Trim(), (await GitAsync(Path.Combine(host.Root, "clone"), "rev-parse", "HEAD^{tree}")).Trim());
        }
    }

    // A monorepo's links lead out of the package that is the workspace.
    [TestMethod]
    [DataRow("write", "auto", "auto")]
    [DataRow("write", "attach", "copy")]
    [DataRow("read", "attach", "copy")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LinkThatLeadsOut_IsInTheCopyAsItIs(string access, string transport, string delivery)
    {
        using SandboxHost host = new()
        {
            Transport = RequestWords.Transport(transport)!.Value,
            Delivery = RequestWords.Delivery(delivery)!.Value,
        };
        Directory.CreateDirectory(Path.Combine(host.Root, "shared"));
        await File.WriteAllTextAsync(Path.Combine(host.Root, "shared", "secret"), "secret", Token);
        Directory.CreateDirectory(Path.Combine(host.Workspace, "deep/er"));
        File.CreateSymbolicLink(Path.Combine(host.Workspace, "out"), "../shared");
        File.CreateSymbolicLink(Path.Combine(host.Workspace, "deep/er/out"), "../../../shared/secret");
        File.CreateSymbolicLink(Path.Combine(host.Workspace, "absolute"), "/../../../../etc/hostname");
        File.CreateSymbolicLink(Path.Combine(host.Workspace, "inside"), "deep/er");
        AgentRunResult result = await host.RunAsync(
            "for l in out deep/er/out absolute inside; do readlink $l; done; cat out/secret 2>/dev/null && echo LEAKED; stat -c %U out >/dev/null; exit 0",
            Token,
            (Write, access),
            ("fail_on", "exit_code")
        );
        CollectionAssert.AreEqual(
            new[] { "../shared", "../../../shared/secret", "/../../../../etc/hostname", "deep/er" },
            host.Lines.ToArray()
        );
        Assert.AreEqual(Verdict.Passed, result.Verdict, string.Join('\n', result.Diagnostics));
        Assert.AreEqual("../shared", new FileInfo(Path.Combine(host.Workspace, "out")).LinkTarget);
        Assert.IsEmpty(result.Changes);
    }

    // What the run itself is made of is not changed, whatever the policy's list says.
    [TestMethod]
    [DataRow("echo x > agents/script.py", "agents/script.py")]
    [DataRow("mv agents other", "agents")]
    [DataRow("echo x > policy.json", "policy.json")]
    [DataRow("echo x > agent.lock", "agent.lock")]
    [DataRow("echo x > sub/agent.lock", "sub/agent.lock")]
    [DataRow("echo x > App.csproj", "App.csproj")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task FilesOfTheRunItself_AreProtected(string attempt, string path)
    {
        using SandboxHost host = new();
        Put(host, "agents/script.py", $"import os, subprocess\nsubprocess.run(['sh', '-c', '''cd /workspace; {attempt}'''])\n");
        Put(host, "policy.json", """{ "filesystem": { "workspace": "write", "protected_paths": [] } }""");
        Put(host, "App.csproj", "<Project/>");
        Put(host, "sub/file", "x");
        Put(host, "sub/App.csproj", "x");
        AgentRunRequest request = host.Request("", SandboxHost.PythonImage) with
        {
            Command = null,
            Agent = Path.Combine(host.Workspace, "agents/script.py"),
            PolicyFile = Path.Combine(host.Workspace, "policy.json"),
            ProtectedFiles = [Path.Combine(host.Workspace, "App.csproj")],
        };
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        Assert.AreEqual($"/workspace/{path}", Assert.ContainsSingle(result.Violations).Subject);
        Assert.IsEmpty(result.Changes.Where(change => change.Status == Workspaces.WorkspaceChangeStatus.Applied));
    }

    private Task<AgentRunResult> RunAsync(SandboxHost host, string attempt, params (string Key, string Value)[] policy) =>
        host.RunAsync(
            host.Request("", SandboxHost.ClientsImage, [(Write, "write"), .. policy]) with
            {
                ReportDirectory = Path.Combine(host.Root, "report"),
                Command =
                    "export HOME=/tmp GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; git config --global safe.directory '*'; "
                    + attempt,
                HostEnvironment = System.Collections.Frozen.FrozenDictionary.ToFrozenDictionary(
                    new Dictionary<string, string>(host.Environment) { ["HOME"] = Path.Combine(host.Root, "home") }
                ),
            },
            Token
        );

    private async Task LayRepositoryAsync(SandboxHost host)
    {
        await GitAsync(host.Root, "init", "-q", "-b", "main", host.Workspace);
        Directory.CreateDirectory(Path.Combine(host.Root, "home/.config/git"));
        await File.WriteAllTextAsync(Path.Combine(host.Root, "home/.config/git/ignore"), "*.tmp\n", Token);
        foreach (
            (string name, string content) in new[]
            {
                (".gitignore", "*.log\n/gen/\n/gen2/\n"),
                ("src/a.cs", "a\n"),
                ("lib/tracked.dll", "d\n"),
                ("bin/tool.sh", "t\n"),
                ("kept.log", "k\n"),
                ("assumed.cs", "a\n"),
            }
        )
        {
            Put(host, name, content);
        }

        await GitAsync(host.Workspace, "add", "-f", "-A");
        await GitAsync(host.Workspace, "commit", "-qm", "base");
        await GitAsync(host.Workspace, "update-index", "--assume-unchanged", "assumed.cs");
        Put(host, "cache.log", "c\n");
        Put(host, "gen2/old", "o\n");
        Put(host, ".git/info/exclude", "excluded.txt\n");
    }

    private static void Put(SandboxHost host, string name, string content)
    {
        string path = Path.Combine(host.Workspace, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }

    private async Task<string> GitStateAsync(SandboxHost host) =>
        string.Join(
            '\n',
            await GitAsync(host.Workspace, "for-each-ref"),
            await GitAsync(host.Workspace, "ls-files", "-v"),
            await File.ReadAllTextAsync(Path.Combine(host.Workspace, ".git/config"), Token),
            await File.ReadAllTextAsync(Path.Combine(host.Workspace, ".git/HEAD"), Token),
            await File.ReadAllTextAsync(Path.Combine(host.Workspace, ".git/info/exclude"), Token)
        );

    private async Task<string> GitAsync(string folder, params string[] arguments)
    {
        ProcessStartInfo start = new(
            "git",
            [
                "-c",
                "safe.directory=*",
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b",
                "-c",
                $"core.excludesFile={Path.Combine(folder, "../home/.config/git/ignore")}",
                .. arguments,
            ]
        )
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process git = Process.Start(start)!;
        Task<string> said = git.StandardError.ReadToEndAsync(Token);
        string output = await git.StandardOutput.ReadToEndAsync(Token);
        await git.WaitForExitAsync(Token);
        Assert.AreEqual(0, git.ExitCode, await said);
        return output;
    }
}
