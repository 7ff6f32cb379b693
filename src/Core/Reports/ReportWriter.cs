using System.Collections.Immutable;
using System.Text;
using IsolatedAgents.Reports.Attestations;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Reports;

/// <summary>Puts the reports of a run into its report folder, beside the session record.</summary>
internal static class ReportWriter
{
    public const string SarifName = "results.sarif";
    public const string JUnitName = "results.junit.xml";
    public const string SummaryName = "summary.md";
    public const string HtmlName = "report.html";

    /// <summary>The reports that lie in a folder.</summary>
    public static ReportFiles FilesIn(string folder)
    {
        return new ReportFiles
        {
            Sarif = FileIn(SarifName),
            JUnit = FileIn(JUnitName),
            Summary = FileIn(SummaryName),
            Attestation = FileIn(AttestationFile.Name),
            Html = FileIn(HtmlName),
        };

        string? FileIn(string name) => Path.Combine(folder, name) is var path && File.Exists(path) ? path : null;
    }

    /// <summary>Writes them. The second value says what could not be written; a run is not less of a run for it.</summary>
    /// <param name="report">The run.</param>
    /// <param name="folder">The report folder.</param>
    /// <param name="sessionRecord">The session record in it.</param>
    /// <param name="attestationKey">What signs the attestation; null where nothing does.</param>
    public static (ReportFiles Files, ImmutableArray<string> Problems) Write(
        RunReport report,
        string folder,
        string sessionRecord,
        string? attestationKey
    )
    {
        ImmutableArray<string>.Builder problems = ImmutableArray.CreateBuilder<string>();
        ReportFiles files = new()
        {
            Sarif = WriteFile(SarifName, stream => SarifReport.Write(report, stream)),
            JUnit = WriteFile(JUnitName, stream => JUnitReport.Write(report, stream)),
            Summary = WriteFile(SummaryName, stream =>
                stream.Write(Encoding.UTF8.GetBytes(SummaryMarkdown.Render(report).TrimStart('\n')))
            ),
            Attestation = WriteFile(AttestationFile.Name, stream => AttestationFile.Write(report, sessionRecord, attestationKey, stream)),
            Html = WriteFile(HtmlName, stream => HtmlReport.Write(report, stream)),
        };
        return (files, problems.ToImmutable());

        string? WriteFile(string name, Action<Stream> write)
        {
            string path = Path.Combine(folder, name);
            try
            {
                using FileStream stream = new(path, FileMode.Create, FileAccess.Write, FileShare.Read);
                write(stream);
                return path;
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or FormatException)
            {
                problems.Add($"The report '{path}' could not be written: {failure.Message}");
                return null;
            }
        }
    }
}
