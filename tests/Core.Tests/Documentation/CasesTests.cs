using System.Text.RegularExpressions;

namespace IsolatedAgents.Core.Tests.Documentation;

/// <summary>The page of cases and the properties of the tests are equal.</summary>
[TestClass]
public sealed partial class CasesTests
{
    [TestMethod]
    public void EachCaseOfThePage_HasATest()
    {
        string[] missing = [.. OfThePage().Except(OfTheTests())];

        Assert.IsEmpty(missing, $"docs/cases.md has cases without a test: {string.Join(", ", missing)}");
    }

    [TestMethod]
    public void EachCaseOfATest_IsOnThePage()
    {
        string[] missing = [.. OfTheTests().Except(OfThePage())];

        Assert.IsEmpty(missing, $"Tests name cases that docs/cases.md lacks: {string.Join(", ", missing)}");
    }

    [TestMethod]
    public void NoCase_IsOnThePageTwice() => CollectionAssert.AllItemsAreUnique(OfThePage());

    private static string[] OfThePage() =>
        [.. RowPattern().Matches(File.ReadAllText(Repository.File("docs", "cases.md"))).Select(row => row.Groups["case"].Value)];

    private static string[] OfTheTests() =>
        [
            .. Directory
                .EnumerateFiles(Repository.File("tests"), "*.cs", SearchOption.AllDirectories)
                .SelectMany(file => PropertyPattern().Matches(File.ReadAllText(file)))
                .Select(property => property.Groups["case"].Value)
                .Distinct(),
        ];

    [GeneratedRegex(@"^\| (?<case>[CEFNR]\d+(-\d+)?) \|", RegexOptions.Multiline)]
    private static partial Regex RowPattern();

    [GeneratedRegex(@"^\s*\[TestProperty\(""Case"", ""(?<case>[^""]+)""\)\]", RegexOptions.Multiline)]
    private static partial Regex PropertyPattern();
}
