using System.Text.Json;
using System.Xml.Linq;

namespace IsolatedAgents.Sandbox.Tests.ContinuousIntegration;

/// <summary>An agent that does more against its policy than any host shows.</summary>
internal static class ManyViolations
{
    /// <summary>How many different things it tries.</summary>
    public const int Count = 121;

    /// <summary>What it does: 120 files that it may not write, and at last what is told first, a forbidden system call.</summary>
    public const string Command = "for i in $(seq 1 120); do echo x > /etc/made-$i; done 2>/dev/null; unshare -n true 2>/dev/null; true";

    /// <summary>Each report holds all of them, once.</summary>
    public static void AssertReports(string folder)
    {
        JsonElement run = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "results.sarif"))).RootElement.GetProperty("runs")[0];
        JsonElement[] results = [.. run.GetProperty("results").EnumerateArray()];
        Assert.HasCount(Count, results);
        Assert.AreEqual("IA3003", results[0].GetProperty("ruleId").GetString());
        Assert.HasCount(
            120,
            results
                .Select(result => result.GetProperty("properties").GetProperty("sandboxSubject").GetString())
                .Where(subject => subject!.StartsWith("/etc/made-", StringComparison.Ordinal))
                .Distinct()
                .ToArray()
        );
        Assert.HasCount(1, XDocument.Load(Path.Combine(folder, "results.junit.xml")).Descendants("failure").ToArray());
        Assert.Contains(
            "/etc/made-120",
            File.ReadAllText(Path.Combine(folder, "report.html")).Replace("&#47;", "/", StringComparison.Ordinal)
        );
    }
}
