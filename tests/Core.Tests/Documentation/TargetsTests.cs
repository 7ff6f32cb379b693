using System.Xml.Linq;
using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Core.Tests.Documentation;

/// <summary>What the package's targets say about codes is what the product's table says.</summary>
[TestClass]
public sealed class TargetsTests
{
    private static readonly XDocument Targets = XDocument.Load(Repository.File("src/Tasks/build/IsolatedAgents.Tasks.targets"));

    [TestMethod]
    public void Codes_OfTheTargetsThemselves_AreInTheTable()
    {
        string[] codes = [.. Targets.Descendants().Attributes("Code").Select(attribute => attribute.Value).Distinct()];

        Assert.IsNotEmpty(codes);
        foreach (string code in codes)
        {
            Assert.IsTrue(DiagnosticTable.Titles.ContainsKey(code), code);
        }
    }
}
