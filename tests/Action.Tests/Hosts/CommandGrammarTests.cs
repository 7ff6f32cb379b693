using System.Collections.Frozen;
using IsolatedAgents.HostGrammar;
using IsolatedAgents.Hosts.Azure;
using IsolatedAgents.Hosts.GitHub;
using AzureLog = IsolatedAgents.HostGrammar.AzureLog;
using GitHubLog = IsolatedAgents.HostGrammar.GitHubLog;

namespace IsolatedAgents.Action.Tests.Hosts;

/// <summary>What is written for a host comes out of that host's own parser as it went in, whatever it holds.</summary>
[TestClass]
public sealed class CommandGrammarTests
{
    private static readonly string[] Pieces =
    [
        "%",
        "%25",
        "%0A",
        "%AZP25",
        "\r",
        "\n",
        ":",
        "::",
        ",",
        ";",
        "]",
        "[",
        "=",
        "##[error]",
        "##vso[task.complete]",
        "ä",
        "😀",
        " ",
        "a",
        "<<",
    ];

    private static IEnumerable<object[]> Texts
    {
        get
        {
            foreach (string first in Pieces)
            {
                foreach (string second in Pieces)
                {
                    yield return [first + "x" + second + first];
                }
            }
        }
    }

    [TestMethod]
    public void GitHub_DataAndProperties_ComeBackAsTheyWere()
    {
        foreach (string text in Texts.Select(row => (string)row[0]))
        {
            HostCommand command = Assert.ContainsSingle(
                GitHubLog.Read(GitHubCommand.Of("error", text, ("file", text), ("line", null), ("title", text + "y"))).Commands,
                text
            );
            Assert.AreEqual(text, command.Data);
            Assert.AreEqual(text, command.Property("file"));
            Assert.AreEqual(text + "y", command.Property("title"));
            Assert.IsNull(command.Property("line"));
        }
    }

    [TestMethod]
    public void Azure_DataAndProperties_ComeBackAsTheyWere()
    {
        foreach (string text in Texts.Select(row => (string)row[0]))
        {
            HostCommand command = Assert.ContainsSingle(
                AzureLog.Read(AzureCommand.Of("task.logissue", text, ("type", "error"), ("sourcepath", text), ("code", null))),
                text
            );
            Assert.AreEqual(text, command.Data);
            Assert.AreEqual(text, command.Property("sourcepath"));
            Assert.AreEqual("error", command.Property("type"));
            Assert.IsNull(command.Property("code"));
        }
    }

    [TestMethod]
    public void GitHubValues_ThatLookLikeOthers_AreOneValue()
    {
        string folder = Directory.CreateTempSubdirectory("ia-values-").FullName;
        try
        {
            string file = Path.Combine(folder, "output");
            GitHubFiles files = new(new Dictionary<string, string> { ["GITHUB_OUTPUT"] = file }.ToFrozenDictionary());
            foreach ((string text, int index) in Texts.Select((row, index) => ((string)row[0], index)))
            {
                files.SetOutput($"value{index}", text + "\nghadelimiter_x\nverdict=passed\n");
            }

            Dictionary<string, string> values = GitHubValues.Read(File.ReadAllText(file));
            Assert.HasCount(Texts.Count(), values);
            foreach ((string text, int index) in Texts.Select((row, index) => ((string)row[0], index)))
            {
                Assert.AreEqual(text + "\nghadelimiter_x\nverdict=passed\n", values[$"value{index}"]);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
