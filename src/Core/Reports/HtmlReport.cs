using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IsolatedAgents.Runs;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Reports;

/// <summary>A run as one HTML page: nothing in it is loaded or run, and a policy of the page forbids it besides.</summary>
internal static class HtmlReport
{
    private const int MaxCell = 1000;
    private const int ChartWidth = 900;
    private const int ChartHeight = 160;

    private const string Style = """
        body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f24;background:#fff}
        h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}.bad{color:#b3261e}.good{color:#176b37}
        table{border-collapse:collapse;width:100%}th,td{border:1px solid #d5dae1;padding:.25rem .5rem;text-align:left;vertical-align:top}
        td{font-family:ui-monospace,monospace;font-size:.85rem;overflow-wrap:anywhere}th{background:#f3f5f8}
        svg{width:100%;height:auto;border:1px solid #d5dae1}.cpu{stroke:#0b62c4}.memory{stroke:#b35c00}polyline{fill:none;stroke-width:2}
        @media(prefers-color-scheme:dark){body{background:#14171b;color:#e4e7eb}th{background:#20252b}th,td,svg{border-color:#39414b}.bad{color:#ff8a80}.good{color:#7bd698}}
        """;

    /// <summary>Writes it as UTF-8.</summary>
    public static void Write(RunReport report, Stream output)
    {
        using StreamWriter html = new(output, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { NewLine = "\n" };
        AgentRunResult result = report.Result;
        string agent = InertHtml.Encode(report.Agent, MaxCell, report.Masker);
        html.WriteLine("<!doctype html>");
        html.WriteLine("<html lang=\"en\"><head><meta charset=\"utf-8\">");
        html.WriteLine("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">");
        html.WriteLine("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
        html.WriteLine($"<title>{result.Verdict.Name()}: {agent}</title>");
        html.WriteLine($"<style>{Style}</style></head><body>");
        html.WriteLine(
            $"<h1>Isolated agent <code>{agent}</code>: <span class=\"{(result.Verdict == Verdict.Passed ? "good" : "bad")}\">{result.Verdict.Name()}</span></h1>"
        );
        foreach (ReportTable table in ReportTable.All(report))
        {
            if (table.Title == "Timeline")
            {
                WriteChart(html, report);
            }

            WriteTable(html, table, report.Masker);
        }

        html.WriteLine("</body></html>");
    }

    private static void WriteTable(StreamWriter html, ReportTable table, SecretMasker masker)
    {
        html.WriteLine($"<h2>{table.Title}</h2><table>");
        if (table.Columns.Any(column => column.Length > 0))
        {
            html.WriteLine($"<tr>{string.Concat(table.Columns.Select(column => $"<th scope=\"col\">{column}</th>"))}</tr>");
        }

        foreach (ImmutableArray<string> row in table.Rows)
        {
            html.WriteLine($"<tr>{string.Concat(row.Select(cell => $"<td>{InertHtml.Encode(cell, MaxCell, masker)}</td>"))}</tr>");
        }

        html.WriteLine("</table>");
        if (table.Omitted > 0)
        {
            html.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"<p>{table.Omitted} more; all of them are in the session record.</p>")
            );
        }
    }

    private static void WriteChart(StreamWriter html, RunReport report)
    {
        if (report.Usage.Length < 2)
        {
            return;
        }

        double first = report.Usage[0].Offset.TotalSeconds;
        double span = Math.Max(report.Usage[^1].Offset.TotalSeconds - first, 0.001);
        double memory = report.Policy.MemoryMb * 1024.0 * 1024;
        html.WriteLine("<h2>CPU and memory</h2>");
        html.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"<p>In percent of their limits over {span:0.0} seconds. <span class=\"cpu\">Blue</span> is CPU, orange is memory.</p>"
            )
        );
        html.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"<svg viewBox=\"0 0 {ChartWidth} {ChartHeight}\" role=\"img\" aria-label=\"CPU and memory over time\">"
            )
        );
        html.WriteLine(
            $"<polyline class=\"cpu\" points=\"{Points(sample => sample.CpuPercent)}\"/><polyline class=\"memory\" points=\"{Points(sample => 100 * sample.MemoryBytes / memory)}\"/></svg>"
        );

        string Points(Func<UsageSample, double> percent) =>
            string.Join(
                ' ',
                report.Usage.Select(sample =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{ChartWidth * (sample.Offset.TotalSeconds - first) / span:0.#},{ChartHeight * (1 - (Math.Clamp(percent(sample), 0, 100) / 100)):0.#}"
                    )
                )
            );
    }
}
