using IsolatedAgents.Diagnostics;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;
using IsolatedAgents.Telemetry;

namespace IsolatedAgents.Core.Tests.Reports;

[TestClass]
public sealed class TerminalSummaryTests
{
    private static readonly RichCapabilities Unicode = new(Color: false, Unicode: true);

    [TestMethod]
    public void PassedRun_ShowsTimelineAndBox()
    {
        string[] lines = Render(Report(Verdict.Passed), Unicode, columns: 44);

        CollectionAssert.AreEqual(
            new[]
            {
                "Timeline:",
                "├─ 00:00 🚀 Starting agent execution",
                "└─ 01:02 ✅ Agent execution completed",
                "╭─passed───────────────────────────────────╮",
                "│ Time       62.0 of 300 seconds           │",
                "│ Memory     12 MB / 512 MB (2%)           │",
                "│ Output     0.0 MB / 10.0 MB (0%)         │",
                "│ Artifacts  2 files (1000 B)              │",
                "│ Took       63.5 seconds in all           │",
                "╰──────────────────────────────────────────╯",
            },
            lines
        );
    }

    [TestMethod]
    public void FailedRun_SaysWhatToDo()
    {
        RunReport report = Report(Verdict.PolicyViolation) with
        {
            Findings = [new Finding(DiagnosticTable.FilesystemViolation, FindingLevel.Error, "x")],
        };

        string text = string.Join(' ', Render(report, Unicode, columns: 100));

        Assert.Contains("─policy_violation─", text);
        Assert.Contains("IA3001     Filesystem access denied. Allow the path (policy suggest), expect it", text);
    }

    [TestMethod]
    [DataRow(20)]
    [DataRow(40)]
    [DataRow(500)]
    public void TerminalWithoutUnicode_GetsAsciiWithinItsWidth(int columns)
    {
        string[] lines = Render(Report(Verdict.Passed), RichCapabilities.Plain, columns);

        Assert.IsTrue(lines.All(line => line.All(char.IsAscii)), string.Join('\n', lines));
        Assert.IsTrue(
            lines.Where(line => line.StartsWith('|')).All(line => line.Length <= Math.Min(columns, 100)),
            string.Join('\n', lines)
        );
    }

    [TestMethod]
    public void LongTimeline_IsFoldedToAScreen()
    {
        RunReport report = Report(Verdict.Passed) with
        {
            Timeline =
            [
                .. Enumerable
                    .Range(0, 100)
                    .Select(number => new TimelineEntry(
                        TimeSpan.FromSeconds(number),
                        number % 2 == 0 ? "agent.starting" : "agent.completed",
                        ""
                    )),
            ],
        };

        IReadOnlyList<string> timeline = new TerminalSummary(report, Unicode, 80).Timeline();

        Assert.HasCount(15, timeline);
        Assert.AreEqual("… 86 more …", timeline[7]);
        Assert.StartsWith("00:00 ", timeline[0]);
        Assert.StartsWith("01:39 ", timeline[^1]);
    }

    private static RunReport Report(Verdict verdict) =>
        new()
        {
            Result = new AgentRunResult
            {
                Verdict = verdict,
                Duration = TimeSpan.FromSeconds(63.5),
                Artifacts = [new Artifact("/a", "a", 400, ""), new Artifact("/b", "b", 600, "")],
            },
            Started = default,
            Timeline =
            [
                new TimelineEntry(TimeSpan.Zero, "agent.starting", "command=x"),
                new TimelineEntry(TimeSpan.FromSeconds(5), "resource.usage", "cpu=1"),
                new TimelineEntry(TimeSpan.FromSeconds(62), "agent.completed", "exit_code=0"),
            ],
            Peak = new UsagePeak(10, 12 * 1048576, 1000, TimeSpan.FromSeconds(62), 1),
        };

    private static string[] Render(RunReport report, RichCapabilities capabilities, int columns)
    {
        StringWriter output = new() { NewLine = "\n" };
        new TerminalSummary(report, capabilities, columns).Write(output);
        return [.. output.ToString().TrimEnd('\n').Split('\n').Select(line => line.TrimEnd())];
    }
}
