using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Documentation;

/// <summary>What help links point at and what users look up is there.</summary>
[TestClass]
public sealed class ReadmeTests
{
    private static readonly string Readme = File.ReadAllText(Repository.File("README.md"));

    [TestMethod]
    public void Readme_EveryCode_HasItsAnchor()
    {
        foreach (string code in DiagnosticTable.Titles.Keys)
        {
            Assert.Contains($"<a id=\"{code.ToLowerInvariant()}\"></a>{code}", Readme);
            Assert.EndsWith($"#{code.ToLowerInvariant()}", DiagnosticTable.HelpLink(code));
        }
    }

    [TestMethod]
    public void Readme_EveryPolicyKey_HasItsRow()
    {
        foreach (PolicyKey key in PolicyKeys.All)
        {
            Assert.Contains($"| `{key.Name}`", Readme);
        }
    }

    [TestMethod]
    public void Readme_TwoCommands_AreOneBlockOfTwoLines()
    {
        string section = Readme[Readme.IndexOf("## Two commands", StringComparison.Ordinal)..];
        string[] block = section[(section.IndexOf("```sh\n", StringComparison.Ordinal) + 6)..section.IndexOf("\n```\n", StringComparison.Ordinal)].Split('\n');
        CollectionAssert.AreEqual(new[] { "bash build/demo.sh", "bash build/test.sh" }, block);
    }
}
