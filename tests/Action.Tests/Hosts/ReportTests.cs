using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.HostGrammar;
using IsolatedAgents.Policies;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;
using NJsonSchema;

namespace IsolatedAgents.Action.Tests.Hosts;

/// <summary>Reports of runs that no real one would give: too long, too many, too strange.</summary>
[TestClass]
public sealed class ReportTests
{
    private const string Strange =
        "</code><script>alert(1)</script> ![x](http://192.0.2.1) [a](javascript:x) | `b` \u202e @somebody ::error::x ##vso[task.complete] \u0001\ud800 &amp; \"'";

    public required TestContext TestContext { get; init; }

    [TestMethod]
    public async Task Sarif_OfAnything_IsValidByThePublishedSchema()
    {
        string schemaFile = Path.Combine(WorkflowTools.Package("@microsoft/jest-sarif"), "lib/schemas/sarif-2.1.0-rtm.5.json");
        JsonSchema schema = await JsonSchema.FromJsonAsync(
            await File.ReadAllTextAsync(schemaFile, TestContext.CancellationToken),
            TestContext.CancellationToken
        );
        foreach (
            RunReport report in new[]
            {
                Report(Many(2000)),
                Report([]),
                Report([]) with
                {
                    Findings = [new Finding(DiagnosticTable.NoEngine, FindingLevel.Error, Strange)],
                },
            }
        )
        {
            string sarif = Written(report, SarifReport.Write);
            Assert.IsEmpty(schema.Validate(sarif), sarif[..Math.Min(2000, sarif.Length)]);
            Assert.IsNotEmpty(
                schema.Validate(
                    sarif
                        .Replace("\"ruleId\"", "\"ruleIdentifier\"", StringComparison.Ordinal)
                        .Replace("\"name\"", "\"title\"", StringComparison.Ordinal)
                )
            );
        }
    }

    [TestMethod]
    public void Sarif_SameFindingOfAnotherRun_HasTheSameFingerprint()
    {
        RunReport first = Report([Violation("/etc/shadow")]);
        RunReport second = first with
        {
            Result = first.Result with { SessionId = new string('b', 32) },
            Findings =
            [
                first.Findings[0] with
                {
                    Place = new Place("policy.json", 99, 1),
                    Violation = first.Findings[0].Violation! with { Count = 7 },
                },
            ],
        };
        Assert.AreEqual(Fingerprint(first), Fingerprint(second));
        Assert.AreNotEqual(Fingerprint(first), Fingerprint(Report([Violation("/etc/gshadow")])));
        Assert.AreNotEqual(Fingerprint(first), Fingerprint(first with { Agent = "another" }));

        static string Fingerprint(RunReport report) =>
            JsonDocument
                .Parse(Written(report, SarifReport.Write))
                .RootElement.GetProperty("runs")[0]
                .GetProperty("results")[0]
                .GetProperty("partialFingerprints")
                .GetProperty("isolatedAgents/v1")
                .GetString()!;
    }

    [TestMethod]
    public void Sarif_Violation_SaysWhereInPolicyAndSandbox()
    {
        JsonElement result = JsonDocument
            .Parse(Written(Report([Violation("/etc/shadow")]), SarifReport.Write))
            .RootElement.GetProperty("runs")[0]
            .GetProperty("results")[0];
        JsonElement place = result.GetProperty("locations")[0].GetProperty("physicalLocation");
        Assert.AreEqual("config/agent%20policy.json", place.GetProperty("artifactLocation").GetProperty("uri").GetString());
        Assert.AreEqual(3, place.GetProperty("region").GetProperty("startLine").GetInt32());
        Assert.AreEqual("/etc/shadow", result.GetProperty("properties").GetProperty("sandboxSubject").GetString());
        Assert.AreEqual("IA3001", result.GetProperty("ruleId").GetString());
    }

    [TestMethod]
    public void Reports_NameOfAnArtifactWithASecret_IsMasked()
    {
        const string Secret = "Sk_Live_0123456789";
        RunReport report = Report([]);
        report = report with
        {
            Masker = new Text.Masking.SecretMasker([Secret]),
            Result = report.Result with { Artifacts = [new Artifact($"/out/{Secret}.md", $"{Secret}.md", 1, new string('a', 64))] },
        };
        foreach (
            string page in (string[])[SummaryMarkdown.Render(report), Written(report, HtmlReport.Write), Written(report, SarifReport.Write)]
        )
        {
            Assert.DoesNotContain(Secret, page);
            Assert.DoesNotContain(Secret.Replace("_", "&#95;", StringComparison.Ordinal), page);
        }

        Assert.Contains("&#42;&#42;&#42;.md", SummaryMarkdown.Render(report));
    }

    [TestMethod]
    public void JUnit_OfStrangeText_IsXmlAndFailsOneTest()
    {
        XDocument junit = XDocument.Parse(Written(Report([Violation(Strange), Violation("/etc/shadow")]), JUnitReport.Write));
        XElement suite = junit.Root!.Element("testsuite")!;
        Assert.AreEqual("4", suite.Attribute("tests")!.Value);
        Assert.AreEqual("1", suite.Attribute("failures")!.Value);
        Assert.Contains("/etc/shadow", Assert.ContainsSingle(suite.Descendants("failure")).Value);
    }

    [TestMethod]
    public void SummaryAndPage_OfStrangeText_HoldNoMarkup()
    {
        RunReport report = Report([Violation(Strange)]) with { Agent = Strange };
        string summary = SummaryMarkdown.Render(report);
        string page = Written(report, HtmlReport.Write);
        foreach (string text in new[] { summary, page })
        {
            foreach (
                string markup in new[]
                {
                    "<script",
                    "![x]",
                    "](http",
                    "](javascript",
                    "`b`",
                    "\u202e",
                    "@somebody",
                    "::error",
                    "##vso",
                    "\u0001",
                }
            )
            {
                Assert.DoesNotContain(markup, text);
            }
        }

        // An HTML block of Markdown ends at an empty line: none may stand within a table.
        foreach (string table in summary.Split("<table>")[1..])
        {
            Assert.DoesNotContain("\n\n", table[..table.IndexOf("</table>", StringComparison.Ordinal)]);
        }

        Assert.IsFalse(
            page.Contains("http:", StringComparison.Ordinal)
                || page.Contains("https:", StringComparison.Ordinal)
                || page.Contains("src=", StringComparison.Ordinal)
                || page.Contains("url(", StringComparison.Ordinal),
            "The page loads nothing."
        );
    }

    [TestMethod]
    public void Summary_OfTooMuch_KeepsItsBoundAndSaysWhatIsMissing()
    {
        string summary = SummaryMarkdown.Render(Report(Many(5000)));
        Assert.IsLessThanOrEqualTo(SummaryMarkdown.MaxBytes, Encoding.UTF8.GetByteCount(summary));
        Assert.Contains("more; all of them are in the session record", summary);
        Assert.Contains("Artifacts", summary);
        Assert.Contains("Limits", summary);
    }

    [TestMethod]
    public void Collector_AMillionEvents_AreBoundedAndCounted()
    {
        ReportCollector collector = new();
        for (int i = 0; i < 1_000_000; i++)
        {
            collector.Write(
                i % 4 == 0 ? new ViolationFilesystem($"/x/{i % 40_000}", "r", "a")
                : i % 4 == 1 ? new Events.ResourceUsage(50, i, 1_000_000, 0, 0)
                : new AgentOutput(OutputStream.Standard, "line", false)
            );
        }

        Assert.HasCount(1000, collector.Violations);
        Assert.AreEqual(9000, collector.OmittedViolations);
        Assert.AreEqual(25, collector.Violations[0].Count);
        Assert.IsLessThan(241, collector.Usage.Length);
        Assert.IsGreaterThan(100, collector.Usage.Length);
        Assert.AreEqual(500_000, collector.Peak.LogLines);
        Assert.HasCount(300, collector.Timeline);
        Assert.AreEqual(250_000 - 300, collector.OmittedTimeline);
    }

    [TestMethod]
    public void Chart_OfOrdinaryFigures_HoldsNumbersAlone()
    {
        string summary = SummaryMarkdown.Render(
            Report([]) with
            {
                Usage = [.. Enumerable.Range(0, 30).Select(i => new UsageSample(TimeSpan.FromSeconds(i), i * 3.3, i * 10_000_000L))],
            }
        );
        string chart = summary[summary.IndexOf("```mermaid", StringComparison.Ordinal)..];
        string[] lines = [.. chart.Split('\n').Where(line => line.TrimStart().StartsWith("line [", StringComparison.Ordinal))];
        Assert.HasCount(2, lines);
        Assert.IsTrue(
            lines.All(line =>
                line[(line.IndexOf('[', StringComparison.Ordinal) + 1)..^1]
                    .Split(", ")
                    .All(number => double.Parse(number, System.Globalization.CultureInfo.InvariantCulture) is >= 0 and <= 100)
            )
        );
    }

    private static string Written(RunReport report, Action<RunReport, Stream> write)
    {
        using MemoryStream stream = new();
        write(report, stream);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static Finding[] Many(int count) =>
        [.. Enumerable.Range(0, count).Select(i => Violation($"{Strange}{new string('<', 400)}/{i}"))];

    private static Finding Violation(string path) =>
        new(
            DiagnosticTable.FilesystemViolation,
            FindingLevel.Error,
            $"Filesystem access denied: '{path}': Outside allowed paths. Access blocked."
        )
        {
            Place = new Place("config/agent policy.json", 3, 5),
            Violation = new FoundViolation(
                ViolationKind.Filesystem,
                path,
                "filesystem.allowed_read_paths",
                "Outside allowed paths",
                "Access blocked",
                "/bin/cat",
                1,
                false
            ),
        };

    private static RunReport Report(Finding[] findings) =>
        new()
        {
            Result = new AgentRunResult
            {
                Verdict = findings.Length > 0 ? Verdict.PolicyViolation : Verdict.Passed,
                SessionId = new string('a', 32),
                Duration = TimeSpan.FromSeconds(2),
                Artifacts = [.. Enumerable.Range(0, 300).Select(i => new Artifact($"/out/{i}", $"{Strange}{i}", i, new string('0', 64)))],
            },
            Started = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero),
            Agent = "review.py",
            Image = "image",
            ImageDigest = "sha256:0",
            PolicyFile = "policy.json",
            Findings = [.. findings],
            Timeline = [.. Enumerable.Range(0, 300).Select(i => new TimelineEntry(TimeSpan.FromSeconds(i), "agent.starting", Strange))],
        };
}
