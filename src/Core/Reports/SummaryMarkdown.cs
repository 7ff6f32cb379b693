using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IsolatedAgents.Runs;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Reports;

/// <summary>
/// A run as Markdown that GitHub, Azure Pipelines and a reader of files show alike. Whatever an agent may have chosen stands in HTML
/// blocks, which Markdown does not look into. The size is bounded: a host that finds a summary too large drops all of it.
/// </summary>
internal static class SummaryMarkdown
{
    /// <summary>The most that one run writes, in bytes. A host takes 1,024 KiB a step, in which several runs may stand.</summary>
    public const int MaxBytes = 240 * 1024;

    private const int MaxRows = 100;
    private const int MaxCell = 300;
    private const int ClosingBytes = 2 * 1024;

    /// <summary>Renders it. It begins with empty lines, so that HTML before it cannot swallow it.</summary>
    public static string Render(RunReport report)
    {
        var text = new StringBuilder();
        AgentRunResult result = report.Result;
        text.Append("\n\n## ")
            .Append(result.Verdict == Verdict.Passed ? "✅" : "❌")
            .Append(" Isolated agent: ")
            .Append(result.Verdict.Name().Replace("_", "\\_", StringComparison.Ordinal))
            .Append("\n\n");
        text.Append("<p><code>")
            .Append(InertHtml.Encode(report.Agent, MaxCell, report.Masker))
            .Append("</code>")
            .Append(result.Skipped ? ": skipped, nothing that it depends on has changed" : "")
            .Append("</p>\n\n");
        int written = Encoding.UTF8.GetByteCount(text.ToString());
        foreach (ReportTable table in ReportTable.All(report))
        {
            if (table.Title == "Timeline")
            {
                Append(Chart(report));
            }

            Append(Table(table, MaxBytes - ClosingBytes - written, report.Masker));
        }

        return text.ToString();

        void Append(string part)
        {
            int size = Encoding.UTF8.GetByteCount(part);
            if (written + size <= MaxBytes)
            {
                text.Append(part);
                written += size;
            }
        }
    }

    private static string Table(ReportTable table, int room, SecretMasker masker)
    {
        bool isFolded = table.Title is "Timeline" or "Run";
        var html = new StringBuilder();
        html.Append(isFolded ? $"<details><summary>{table.Title}</summary>\n" : $"### {table.Title}\n\n").Append("<table>\n");
        if (table.Columns.Any(column => column.Length > 0))
        {
            html.Append("<tr>").AppendJoin("", table.Columns.Select(column => $"<th>{column}</th>")).Append("</tr>\n");
        }

        int shown = 0;
        int size = html.Length;
        foreach (ImmutableArray<string> row in table.Rows.Take(MaxRows))
        {
            string line =
                "<tr>"
                + string.Concat(row.Select(cell => $"<td><code>{InertHtml.Encode(cell, MaxCell, masker)}</code></td>"))
                    .Replace("<td><code></code></td>", "<td></td>", StringComparison.Ordinal)
                + "</tr>\n";
            size += Encoding.UTF8.GetByteCount(line);
            if (size > room)
            {
                break;
            }

            html.Append(line);
            shown++;
        }

        html.Append("</table>\n");
        if (table.Rows.Length - shown + table.Omitted is > 0 and { } more)
        {
            html.Append(CultureInfo.InvariantCulture, $"<p>{more} more; all of them are in the session record.</p>\n");
        }

        return html.Append(isFolded ? "</details>\n\n" : "\n").ToString();
    }

    // Our own figures alone: a chart's text is code of another language.
    private static string Chart(RunReport report)
    {
        if (report.Usage.Length < 2)
        {
            return "";
        }

        double memory = report.Policy.MemoryMb * 1024.0 * 1024;
        return string.Create(
                CultureInfo.InvariantCulture,
                $"""
                ### CPU and memory

                ```mermaid
                xychart-beta
                    title "CPU and memory in percent of their limits"
                    x-axis "seconds" {report.Usage[0].Offset.TotalSeconds:0.0} --> {report.Usage[^1].Offset.TotalSeconds:0.0}
                    y-axis "percent" 0 --> 100
                    line [{string.Join(", ", report.Usage.Select(sample => Percent(sample.CpuPercent)))}]
                    line [{string.Join(", ", report.Usage.Select(sample => Percent(100 * sample.MemoryBytes / memory)))}]
                ```

                The first line is CPU, the second memory.


                """
            )
            .ReplaceLineEndings("\n");
    }

    private static string Percent(double value) => Math.Clamp(value, 0, 100).ToString("0.#", CultureInfo.InvariantCulture);
}
