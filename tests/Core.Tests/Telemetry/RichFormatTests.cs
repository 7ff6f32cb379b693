using System.Text;
using IsolatedAgents.Core.Tests.Events;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Telemetry;

namespace IsolatedAgents.Core.Tests.Telemetry;

[TestClass]
public sealed class RichFormatTests
{
    [TestMethod]
    public void LineLongerThanTheWindow_BreaksBetweenWordsBelowItsBeginning()
    {
        var output = new StringWriter { NewLine = "\n" };
        var format = new RichFormat(output, new RichCapabilities(Color: false, Unicode: true), TimeZoneInfo.Utc) { Columns = () => 30 };
        format.Write(
            SampleEvents.Stamped(new ViolationFilesystem("/etc/passwd", "It lies outside of all that the policy allows", "Access blocked"))
        );
        format.Write(SampleEvents.Stamped(new AgentOutput(OutputStream.Standard, "日本語 日本語 日本語 日本語 日本語", false)));

        string[] lines = output.ToString().Split('\n');
        CollectionAssert.AreEqual(
            new[]
            {
                "├─ Path: /etc/passwd",
                "├─ Reason: It lies outside of",
                "│  all that the policy allows",
                "└─ Action: Access blocked",
                "│ 日本語 日本語 日本語 日本語",
                "│   日本語",
                "",
            },
            lines[1..]
        );
    }

    [TestMethod]
    [DataRow(false, "└─ Probes: 2 of 2 held", false)]
    [DataRow(false, "└─ Probes: 1 of 2 held; this machine has no Landlock", true)]
    [DataRow(true, "├─ Network: refused|└─ Host files: absent", false)]
    public void ProbesOfTheSandbox_AreOneLineUnlessEachIsAskedFor(bool each, string expected, bool isLandlockMissing)
    {
        var output = new StringWriter { NewLine = "\n" };
        var format = new RichFormat(output, new RichCapabilities(Color: false, Unicode: true), TimeZoneInfo.Utc) { ShowsProbes = each };

        format.Write(
            SampleEvents.Stamped(new SandboxVerified([new("Network", "refused"), new("Host files", "absent")], isLandlockMissing))
        );

        Assert.EndsWith(expected.Replace('|', '\n') + "\n", output.ToString());
    }

    [TestMethod]
    public void Write_SessionOfTheSpecification_LooksExactlyLikeIt()
    {
        var output = new StringWriter { NewLine = "\n" };
        var format = new RichFormat(output, new RichCapabilities(Color: false, Unicode: true), TimeZoneInfo.Utc);
        foreach ((string time, TelemetryEvent telemetryEvent) in SampleEvents.Seed)
        {
            TelemetryEvent stamped = SampleEvents.Stamped(telemetryEvent);
            stamped.Timestamp = DateTimeOffset.Parse($"2026-11-22T{time}Z", System.Globalization.CultureInfo.InvariantCulture);
            format.Write(stamped);
        }

        Assert.AreEqual(
            File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Telemetry", "session.rich.golden.txt")),
            output.ToString()
        );
    }

    [TestMethod]
    [DataRow(
        "timeout",
        "⚠️ [15:30:47] Warning: Timeout approaching|├─ Elapsed: 270 seconds|├─ Limit: 300 seconds|└─ Remaining: 30 seconds|"
    )]
    [DataRow("size", "⚠️ [15:30:47] Warning: Output size limit approaching|├─ Current: 9.5 MB|├─ Limit: 10.0 MB|└─ Remaining: 0.5 MB|")]
    [DataRow(
        "memory",
        "❌ [15:30:47] Error: Out of memory|├─ Memory Used: 1024 MB|├─ Memory Limit: 1024 MB|└─ Action: Container terminated|"
    )]
    [DataRow(
        "violation",
        "❌ [15:30:47] Policy violation: Filesystem access denied|├─ Path: /etc/passwd|├─ Reason: Outside allowed paths|└─ Action: Access blocked|"
    )]
    [DataRow("installed", "✅ [15:30:47] Dependencies installed|├─ Packages: 2|├─ Size: 12.3 MB|└─ Duration: 8 seconds|")]
    [DataRow("collecting", "📤 [15:30:47] Collecting output artifacts...|├─ Scanning: /output|└─ Found: 3 files|")]
    public void Write_EventOfTheSpecification_LooksExactlyLikeIt(string name, string expected)
    {
        TelemetryEvent telemetryEvent = name switch
        {
            "timeout" => new TimeoutApproaching(TimeSpan.FromSeconds(270), TimeSpan.FromSeconds(300), TimeSpan.FromSeconds(30)),
            "size" => new OutputLimitApproaching(9_961_472, 10_485_760, 524_288),
            "memory" => new ResourceOutOfMemory(1024 * SampleEvents.Megabyte, 1024 * SampleEvents.Megabyte, "Container terminated"),
            "violation" => new ViolationFilesystem("/etc/passwd", "Outside allowed paths", "Access blocked"),
            "installed" => new DependenciesInstalled(2, 12_897_485, TimeSpan.FromSeconds(8)),
            _ => new OutputCollecting("/output", 3),
        };

        Assert.AreEqual(expected.Replace('|', '\n'), Render(telemetryEvent, new RichCapabilities(false, true)));
    }

    [TestMethod]
    public void Write_PlainCapabilities_IsAscii()
    {
        foreach (TelemetryEvent telemetryEvent in SampleEvents.All)
        {
            string text = Render(telemetryEvent, RichCapabilities.Plain);

            Assert.IsTrue(Ascii.IsValid(text), text);
            Assert.DoesNotContain('\e', text);
        }
    }

    [TestMethod]
    public void Write_Colors_ColorsTheHeadingAndKeepsMarkupAsText()
    {
        string text = Render(new FileRead("[red]/x[/]"), new RichCapabilities(true, true));

        Assert.Contains("[red]/x[/]", text);
        Assert.Contains("\e[", Render(new SessionFailed("x", TimeSpan.Zero, 1), new RichCapabilities(true, true)));
    }

    [TestMethod]
    public void Write_AgentOutput_StandsBehindABar()
    {
        Assert.AreEqual(
            "│ ::error::x\n",
            Render(new AgentOutput(OutputStream.Standard, "::error::x", false), new RichCapabilities(false, true))
                .Replace("\\", "", StringComparison.Ordinal)
        );
    }

    [TestMethod]
    public void Write_LongLine_IsNotWrapped()
    {
        string line = new('x', 500);

        Assert.AreEqual($"| {line}\n", Render(new AgentOutput(OutputStream.Standard, line, false), RichCapabilities.Plain));
    }

    [TestMethod]
    [DataRow(true, "TERM", "xterm", true)]
    [DataRow(true, "NO_COLOR", "1", false)]
    [DataRow(true, "TERM", "dumb", false)]
    [DataRow(true, "CI", "true", false)]
    [DataRow(false, "TERM", "xterm", false)]
    public void Detect_Environment_DecidesAboutColorAndEmoji(bool isTerminal, string name, string value, bool expected)
    {
        var environment = new Dictionary<string, string> { [name] = value };

        Assert.AreEqual(new RichCapabilities(expected, expected), RichCapabilities.Detect(environment, isTerminal, Encoding.UTF8));
        Assert.AreEqual(RichCapabilities.Plain, RichCapabilities.Detect(environment, isTerminal, Encoding.Latin1));
    }

    [TestMethod]
    public void TelemetryLogger_RichFormat_LooksLikeOtherEvents()
    {
        using var output = new MemoryStream();
        using (var logger = new TelemetryLogger(output, level: TelemetryLevel.Info, format: TelemetryFormat.Rich))
        {
            logger.LogLifecycle("Starting agent execution", ("agent_id", "a1"), ("tries", 2));
        }

        string text = Encoding.UTF8.GetString(output.ToArray());
        Assert.MatchesRegex(@"^\[\d\d:\d\d:\d\d\] Starting agent execution\n\|- agent_id: a1\n`- tries: 2\n$", text);
    }

    private static string Render(TelemetryEvent telemetryEvent, RichCapabilities capabilities)
    {
        var output = new StringWriter { NewLine = "\n" };
        new RichFormat(output, capabilities, TimeZoneInfo.Utc).Write(SampleEvents.Stamped(telemetryEvent));
        return output.ToString();
    }
}
