using IsolatedAgents.Changes;
using IsolatedAgents.Policies;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Core.Tests.Changes;

[TestClass]
public sealed class ChangeRulesTests
{
    private static readonly WorkspaceFileState Some = new(1, "00", IsExecutable: false);

    [TestMethod]
    [DataRow(".mcp.j\u017Fon")]
    [DataRow("\uFF0Egithub/x")]
    [DataRow("global.json::$DATA")]
    [DataRow("directory.build.props ")]
    [DataRow("a/b/c/nuget.CONFIG")]
    [DataRow(".github/workflows/x.yml")]
    public void Judge_ProtectedPath_IsHeldBackAsSuch(string path)
    {
        PendingChange judged = JudgeOne(path, FilesystemWith());
        Assert.IsTrue(judged.IsProtected);
        Assert.AreEqual(ChangeRules.ProtectedRule, judged.Change.HeldBackRule);
    }

    [TestMethod]
    [DataRow("Makefile")]
    [DataRow("src/App.CSPROJ")]
    [DataRow("azure-pipelines-nightly.yml")]
    [DataRow("web/package.json")]
    [DataRow(".pre-commit-config.yaml")]
    [DataRow(".envrc")]
    [DataRow("sub/.gitattributes")]
    [DataRow(".GitIgnore")]
    [DataRow("gitign~1")]
    [DataRow("docs/AGENTS.md")]
    [DataRow("a/b/Claude.MD")]
    [DataRow(".cursorrules")]
    [DataRow("Properties/launchSettings.json")]
    [DataRow("shared/s.projitems")]
    [DataRow("tool/x.esproj")]
    [DataRow("Properties/PublishProfiles/a.pubxml")]
    [DataRow("dotnet-tools.json")]
    [DataRow("build/x.ps1")]
    [DataRow("x.cmd")]
    [DataRow(".run/App.run.xml")]
    [DataRow("web/tsconfig.json")]
    [DataRow("omnisharp.json")]
    [DataRow("libs/native.so")]
    [DataRow("tool.jar")]
    [DataRow("conftest.py")]
    public void Judge_FileThatRunsCode_IsHeldBackUnlessAllowed(string path)
    {
        FilesystemPolicy none = FilesystemWith() with { ProtectedPaths = [] };
        PendingChange judged = JudgeOne(path, none);
        Assert.IsTrue(judged.Change.RunsCode);
        Assert.AreEqual(ChangeRules.CodeRule, judged.Change.HeldBackRule);
        PendingChange allowed = JudgeOne(path, none with { AllowedCodePaths = [path] });
        Assert.IsFalse(allowed.IsHeldBack);
        Assert.IsTrue(allowed.Change.RunsCode);
        // An exception is taken at its word.
        Assert.IsTrue(JudgeOne(path + "X", none with { AllowedCodePaths = [path + "x"], ProtectedPaths = [path + "x"] }).IsHeldBack);
    }

    [TestMethod]
    [DataRow("src/App.cs")]
    [DataRow("README.md")]
    [DataRow("gitconfig/readme")]
    [DataRow("config")]
    [DataRow("docs/makefile-notes.md")]
    public void Judge_OtherFile_IsTaken(string path)
    {
        PendingChange judged = JudgeOne(path, FilesystemWith());
        Assert.IsFalse(judged.IsHeldBack, judged.Change.HeldBackReason);
        Assert.IsFalse(judged.Change.RunsCode);
    }

    [TestMethod]
    [DataRow(".git/hooks/pre-commit")]
    [DataRow(".git/objects/ab/cdef")]
    [DataRow(".git/refs/heads/main")]
    [DataRow("module/.git/config")]
    [DataRow(".GIT/Config")]
    [DataRow(".git./config")]
    [DataRow("GIT~1/config")]
    [DataRow(".git::$INDEX_ALLOCATION/config")]
    [DataRow(".g\u0131t/config")]
    [DataRow("sub/.git")]
    [DataRow(".hg/hgrc")]
    [DataRow(".svn/wc.db")]
    [DataRow(".jj/repo")]
    public void Judge_VersionControlsOwn_IsHeldBackWhateverThePolicyAllows(string path) =>
        Assert.IsTrue(
            JudgeOne(
                path,
                FilesystemWith() with
                {
                    ProtectedPaths = [],
                    AllowedCodePaths = ["**", path],
                    ReturnIgnored = ["**"],
                }
            ).IsHeldBack
        );

    [TestMethod]
    public void Judge_FolderThatIsARepositoryByItsFiles_IsHeldBack()
    {
        IReadOnlyList<PendingChange> judged = new ChangeRules(FilesystemWith()).Judge(
            [Made("bare/HEAD"), Made("bare/config"), Made("bare/readme")],
            new WorkspaceOriginal("/w")
        );
        CollectionAssert.AreEqual(new[] { true, true, false }, judged.Select(change => change.IsHeldBack).ToArray());
    }

    [TestMethod]
    public void Judge_WhatHangsOnSomethingHeldBack_IsHeldBackToo()
    {
        WorkspaceOriginal original = new("/w");
        original.Add("Makefile", new OriginalEntry(OriginalKind.File, Some));
        original.Add("tools/setup.py", new OriginalEntry(OriginalKind.File, Some));
        original.Add("plain/a", new OriginalEntry(OriginalKind.File, Some));
        IReadOnlyList<PendingChange> judged = new ChangeRules(FilesystemWith()).Judge(
            [Gone("Makefile"), Made("Makefile/notes"), Gone("tools/setup.py"), Made("tools"), Gone("plain/a"), Made("plain")],
            original
        );
        CollectionAssert.AreEqual(new[] { true, true, true, true, false, false }, judged.Select(change => change.IsHeldBack).ToArray());
    }

    private static FilesystemPolicy FilesystemWith() => new() { Workspace = WorkspaceAccess.Write };

    private static PendingChange JudgeOne(string path, FilesystemPolicy policy) =>
        new ChangeRules(policy).Judge([Made(path)], new WorkspaceOriginal("/w")).Single();

    private static PendingChange Made(string path) =>
        new(
            new WorkspaceChange
            {
                Path = path,
                Kind = WorkspaceChangeKind.Created,
                After = Some,
            },
            "/content"
        );

    private static PendingChange Gone(string path) =>
        new(
            new WorkspaceChange
            {
                Path = path,
                Kind = WorkspaceChangeKind.Deleted,
                Before = Some,
            },
            null
        );
}
