using System.Globalization;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using IsolatedAgents.Telemetry;
using IsolatedAgents.Text;
using Spectre.Console;

namespace IsolatedAgents.Reports;

/// <summary>Shows a run that has ended to a person at a terminal: its timeline, folded to a screen, and a box with the result.</summary>
/// <param name="report">The run.</param>
/// <param name="capabilities">What the terminal can show.</param>
/// <param name="columns">The width of its window in cells.</param>
internal sealed class TerminalSummary(RunReport report, RichCapabilities capabilities, int columns)
{
    // A screen of the usual size holds the box beside it.
    private const int MaxTimeline = 14;
    private const int MaxAdvice = 3;
    private const int MaxColumns = 100;

    private static readonly string[] Figures = ["resource.usage", "container.removing", "sandbox.verified", "policy.validating"];

    /// <summary>Writes it.</summary>
    public void Write(TextWriter output)
    {
        IAnsiConsole console = RichFormat.CreateConsole(output, capabilities);
        console.Profile.Width = Math.Clamp(columns, 20, MaxColumns);
        WriteTimeline(output);
        Grid grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn();
        foreach ((string label, string text) in Rows())
        {
            grid.AddRow(new Spectre.Console.Text(label), new Spectre.Console.Text(text));
        }

        bool isPassed = report.Result.Verdict == Verdict.Passed;
        Panel box = new(grid)
        {
            Header = new PanelHeader(Markup.Escape(report.Result.Verdict.Name())),
            Border = capabilities.Unicode ? BoxBorder.Rounded : BoxBorder.Ascii,
            BorderStyle = new Style(isPassed ? Color.Green : Color.Red),
            Expand = true,
        };
        console.Write(box);
        output.Flush();
    }

    /// <summary>The lines of the timeline, without the figures that the box sums up.</summary>
    internal IReadOnlyList<string> Timeline()
    {
        List<string> entries = [];
        string last = "";
        foreach (TimelineEntry entry in report.Timeline)
        {
            EventDescriptor? descriptor = EventCatalog.All.FirstOrDefault(known => known.Name == entry.Name);
            string title = (descriptor?.Title ?? entry.Name).TrimEnd('.', ':', ' ');
            if (Figures.Contains(entry.Name) || title == last)
            {
                continue;
            }

            last = title;
            string icon = capabilities.Unicode && descriptor is { Icon.Length: > 0 } ? descriptor.Icon + " " : "";
            entries.Add(
                string.Create(CultureInfo.InvariantCulture, $"{(int)entry.Offset.TotalMinutes:00}:{entry.Offset.Seconds:00} {icon}{title}")
            );
        }

        int hidden = entries.Count - MaxTimeline;
        if (hidden > 0)
        {
            int head = MaxTimeline / 2;
            entries =
            [
                .. entries[..head],
                string.Create(CultureInfo.InvariantCulture, $"… {hidden} more …"),
                .. entries[(head + hidden)..],
            ];
        }

        return entries;
    }

    private void WriteTimeline(TextWriter output)
    {
        IReadOnlyList<string> entries = Timeline();
        if (entries.Count == 0)
        {
            return;
        }

        List<string> lines = ["Timeline:"];
        for (int i = 0; i < entries.Count; i++)
        {
            (string branch, string trunk) = (capabilities.Unicode, i == entries.Count - 1) switch
            {
                (true, false) => ("├─ ", "│  "),
                (true, true) => ("└─ ", "   "),
                (false, false) => ("|- ", "|  "),
                (false, true) => ("`- ", "   "),
            };
            HangingIndent.Append(lines, branch, trunk, entries[i], columns);
        }

        lines.ForEach(line => output.Write(line + "\n"));
    }

    private IEnumerable<(string Label, string Text)> Rows()
    {
        string[] codes =
        [
            .. report.Findings.Where(finding => finding.Level == FindingLevel.Error).Select(finding => finding.Code).Distinct(),
        ];
        foreach (DiagnosticRow row in DiagnosticRows.All.Where(row => codes.Contains(row.Code)).Take(MaxAdvice))
        {
            yield return (row.Code, $"{row.Title}. {PlainWords.Of(row.WhatToDo)}");
        }

        UsagePeak peak = report.Peak;
        if (peak.AgentTime is { } time)
        {
            yield return (
                "Time",
                string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} of {report.Policy.TimeoutSeconds} seconds")
            );
            yield return ("Memory", Units.MemoryOf(peak.MemoryBytes, report.Policy.MemoryMb * 1048576L));
            yield return ("Output", Units.BytesOf(peak.OutputBytes, report.Policy.MaxOutputBytes));
        }

        if (report.Result.Artifacts is { Length: > 0 } artifacts)
        {
            yield return (
                "Artifacts",
                $"{Units.Count(artifacts.Length, "file")} ({Units.Bytes(artifacts.Sum(artifact => artifact.Size))})"
            );
        }

        if ((report.Result.Reports?.Html ?? report.Result.ReportFile) is { } page)
        {
            yield return ("Report", UntrustedText.Display(page));
        }

        if (!report.Result.Skipped)
        {
            yield return ("Took", string.Create(CultureInfo.InvariantCulture, $"{report.Result.Duration.TotalSeconds:0.0} seconds in all"));
        }
    }
}
