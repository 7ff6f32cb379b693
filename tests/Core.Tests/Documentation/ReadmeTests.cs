using System.Text.RegularExpressions;
using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Core.Tests.Documentation;

/// <summary>What help links point at and what users look up is there.</summary>
[TestClass]
public sealed partial class ReadmeTests
{
    private static readonly string Readme = File.ReadAllText(Repository.File("README.md"));

    [TestMethod]
    public void HelpLinks_PointAtThePageOfCodes() =>
        Assert.AreEqual(
            "https://github.com/isolated-agents/isolated-agents/blob/main/docs/error-codes.md#ia3002",
            DiagnosticTable.HelpLink("IA3002")
        );

    [TestMethod]
    public void Links_ToOtherPages_LeadSomewhere()
    {
        string[] pages =
        [
            "README.md",
            "CONTRIBUTING.md",
            "AGENTS.md",
            "SECURITY.md",
            "CHANGELOG.md",
            .. Directory.GetFiles(Repository.File("docs"), "*.md").Select(page => $"docs/{Path.GetFileName(page)}"),
        ];
        string[] broken =
        [
            .. from page in pages
            from Match link in LinkPattern().Matches(File.ReadAllText(Repository.File(page.Split('/'))))
            let target = link.Groups["target"].Value
            where !target.Contains("://", StringComparison.Ordinal) && !LeadsSomewhere(page, target)
            select $"{page}: {target}",
        ];

        Assert.IsEmpty(broken, string.Join('\n', broken));
    }

    [TestMethod]
    public void Readme_TwoCommands_AreOneBlockOfTwoLines()
    {
        string section = Readme[Readme.IndexOf("## Two commands", StringComparison.Ordinal)..];
        string[] block = section[
            (section.IndexOf("```sh\n", StringComparison.Ordinal) + 6)..section.IndexOf("\n```\n", StringComparison.Ordinal)
        ]
            .Split('\n');
        CollectionAssert.AreEqual(new[] { "bash build/demo.sh", "bash build/test.sh" }, block);
    }

    private static bool LeadsSomewhere(string page, string link)
    {
        string[] parts = link.Split('#', 2);
        string file =
            parts[0].Length == 0
                ? Repository.File(page.Split('/'))
                : Path.GetFullPath(parts[0], Path.GetDirectoryName(Repository.File(page.Split('/')))!);
        return Path.Exists(file) && (parts.Length == 1 || AnchorsOf(File.ReadAllText(file)).Contains(parts[1]));
    }

    // As GitHub makes them: of headings in lower case, without punctuation, and with dashes for blanks; and those that are written.
    private static IEnumerable<string> AnchorsOf(string page) =>
        [
            .. HeadingPattern()
                .Matches(page)
                .Select(heading =>
                    PunctuationPattern().Replace(heading.Groups["text"].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-')
                ),
            .. AnchorPattern().Matches(page).Select(anchor => anchor.Groups["name"].Value),
        ];

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex LinkPattern();

    [GeneratedRegex(@"^#+ (?<text>.*)$", RegexOptions.Multiline)]
    private static partial Regex HeadingPattern();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex PunctuationPattern();

    [GeneratedRegex(@"<a id=""(?<name>[^""]+)"">")]
    private static partial Regex AnchorPattern();
}
