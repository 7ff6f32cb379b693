namespace IsolatedAgents.Protocol.Tests;

[TestClass]
public sealed class PathGlobsTests
{
    [TestMethod]
    [DataRow(".git/hooks", ".git/hooks", true)]
    [DataRow(".git/hooks", "a/.git/hooks/b/c", true)]
    [DataRow(".git/hooks", ".git/hooksmith", false)]
    [DataRow(".git/hooks", ".git", false)]
    [DataRow(".git/hooks", "x.git/hooks", false)]
    [DataRow("*.props", "a/b.props", true)]
    [DataRow("*.props", "a/b.props/c", true)]
    [DataRow("*.props", "a.props.txt", false)]
    [DataRow("a*b*c", "axxbyyc", true)]
    [DataRow("a*b*c", "axxbyy", false)]
    [DataRow("a?c", "a/c", false)]
    [DataRow("src/**/x", "src/x", true)]
    [DataRow("src/**/x", "src/a/b/x", true)]
    [DataRow("**/x/**", "a/x", true)]
    [DataRow("**", "anything", true)]
    [DataRow("", "anything", true)]
    public void Covers_Glob_HoldsAtAnyDepthAndBelow(string glob, string path, bool expected) =>
        Assert.AreEqual(expected, new PathGlobs([glob], isLoose: false).Covers(path));

    [TestMethod]
    [DataRow(".git", true)]
    [DataRow("a/.git", true)]
    [DataRow(".GIT", true)]
    [DataRow("a", false)]
    [DataRow(".git/hooks", false)]
    [DataRow(".git/objects", false)]
    public void LeadsTo_FolderOnTheWay_IsKnown(string path, bool expected) =>
        Assert.AreEqual(expected, new PathGlobs([".git/hooks", "*.props"], isLoose: true).LeadsTo(path));

    [TestMethod]
    [DataRow(".GiT/HOOKS/x", true)]
    [DataRow(".git /hooks", true)]
    [DataRow(".git./hooks.", true)]
    [DataRow("git~1/hooks", true)]
    [DataRow("git~x/hooks", false)]
    [DataRow(".git:$INDEX_ALLOCATION/hooks", true)]
    [DataRow("./hooks", false)]
    public void Covers_Loose_TakesWhatSomeFileSystemTakesForTheSame(string path, bool expected)
    {
        Assert.AreEqual(expected, new PathGlobs([".git/hooks"], isLoose: true).Covers(path));
        Assert.IsFalse(new PathGlobs([".git/hooks"], isLoose: false).Covers(path));
    }

    [TestMethod]
    public void FileRules_Protecting_HoldsBelowTheWorkspaceAlone()
    {
        FileRules rules = new FileRules([], ["/workspace", "/output"]).Protecting("/workspace", [".git/hooks"]);
        Assert.AreEqual(DenialReason.ProtectedPath, rules.Write("/workspace/.git/hooks/x"));
        Assert.AreEqual(DenialReason.None, rules.Write("/workspace/.git/HEAD"));
        Assert.AreEqual(DenialReason.None, rules.Write("/output/.git/hooks/x"));
        Assert.AreEqual(DenialReason.None, rules.Write("/workspace/.git"));
        Assert.AreEqual(DenialReason.ProtectedPath, rules.Replace("/workspace/.git"));
        Assert.AreEqual(DenialReason.None, rules.Replace("/workspace/src"));
        Assert.AreEqual(DenialReason.OutsideWritePaths, rules.Replace("/workspacex/.git"));
    }
}
