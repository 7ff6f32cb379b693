using System.Collections.Immutable;
using System.Globalization;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Reports;

/// <summary>A table of a report, before it is rendered. Cells are plain text and may be the agent's.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Columns">The names of its columns.</param>
/// <param name="Rows">Its rows, most important first.</param>
/// <param name="Omitted">Rows that are not here.</param>
internal sealed record ReportTable(string Title, ImmutableArray<string> Columns, ImmutableArray<ImmutableArray<string>> Rows, long Omitted)
{
    /// <summary>All tables of a run that hold something.</summary>
    public static ImmutableArray<ReportTable> All(RunReport report) =>
        [
            .. new[] { Findings(report), Limits(report), Artifacts(report), Run(report), Timeline(report) }.Where(table =>
                table.Rows.Length > 0
            ),
        ];

    private static ReportTable Findings(RunReport report) =>
        new(
            "Findings",
            ["", "Code", "What", "Reason", "Rule", "Count", "Where"],
            [
                .. report.Findings.Select(finding =>
                    (ImmutableArray<string>)
                        [
                            finding.Level switch
                            {
                                FindingLevel.Error => "error",
                                FindingLevel.Warning => "warning",
                                _ => "expected",
                            },
                            finding.Code,
                            finding.Violation?.Subject ?? finding.Message,
                            finding.Violation is { } violation ? $"{violation.Reason}. {violation.Action}." : "",
                            finding.Violation?.Rule ?? "",
                            finding.Violation?.Count.ToString(CultureInfo.InvariantCulture) ?? "",
                            finding.Place is { } place
                                ? place.Line > 0
                                    ? string.Create(CultureInfo.InvariantCulture, $"{place.File}:{place.Line}")
                                    : place.File
                                : "",
                        ]
                ),
            ],
            report.OmittedViolations
        );

    private static ReportTable Limits(RunReport report)
    {
        Policy policy = report.Policy;
        UsagePeak peak = report.Peak;
        long memoryLimit = policy.MemoryMb * 1024L * 1024;
        return new ReportTable(
            "Limits",
            ["", "Used", "Limit", "Share"],
            [
                ["CPU (peak)", Units.Percent(peak.CpuPercent), Units.Quantity(policy.CpuCores, "cores"), Share(peak.CpuPercent, 100)],
                ["Memory (peak)", Units.Memory(peak.MemoryBytes), Units.Memory(memoryLimit), Share(peak.MemoryBytes, memoryLimit)],
                [
                    "Time",
                    peak.AgentTime is { } time ? Units.Duration(time) : "",
                    Units.Seconds(TimeSpan.FromSeconds(policy.TimeoutSeconds)),
                    Share((peak.AgentTime ?? TimeSpan.Zero).TotalSeconds, policy.TimeoutSeconds),
                ],
                [
                    "Output size",
                    Units.Bytes(OutputBytes(report)),
                    Units.Bytes(policy.MaxOutputBytes),
                    Share(OutputBytes(report), policy.MaxOutputBytes),
                ],
                [
                    "Output files",
                    Number(report.Result.Artifacts.Length),
                    Number(policy.MaxOutputFiles),
                    Share(report.Result.Artifacts.Length, policy.MaxOutputFiles),
                ],
                ["Processes", "", Number(policy.PidsLimit), ""],
            ],
            0
        );
    }

    private static ReportTable Artifacts(RunReport report) =>
        new(
            "Artifacts",
            ["File", "Size", "SHA-256"],
            [
                .. report.Result.Artifacts.Select(artifact =>
                    (ImmutableArray<string>)[artifact.Name, Units.Bytes(artifact.Size), artifact.Sha256]
                ),
            ],
            0
        );

    private static ReportTable Run(RunReport report)
    {
        AgentRunResult result = report.Result;
        (string Name, string? Value)[] facts =
        [
            ("Agent", report.Agent),
            (
                "Agent exit code",
                result.AgentExitCode is { } code ? Number(code)
                : result.AgentSignal is { } signal ? SignalNames.Name(signal)
                : null
            ),
            ("Started", report.Started.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture)),
            ("Duration", Units.Duration(result.Duration)),
            ("Session", result.SessionId),
            ("Engine", report.Engine),
            ("Image", report.Image),
            ("Image digest", report.ImageDigest),
            ("Policy", report.PolicyFile),
            ("Policy SHA-256", report.PolicySha256),
            ("Agent SHA-256", report.AgentSha256),
            ("Audit head", result.AuditHead),
            ("Lines of output", Number(report.Peak.LogLines)),
        ];
        return new ReportTable(
            "Run",
            ["", ""],
            [.. facts.Where(fact => !string.IsNullOrEmpty(fact.Value)).Select(fact => (ImmutableArray<string>)[fact.Name, fact.Value!])],
            0
        );
    }

    private static ReportTable Timeline(RunReport report) =>
        new(
            "Timeline",
            ["Seconds", "Event", "Details"],
            [
                .. report.Timeline.Select(entry =>
                    (ImmutableArray<string>)
                        [entry.Offset.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture), entry.Name, entry.Text]
                ),
            ],
            report.OmittedTimeline
        );

    private static long OutputBytes(RunReport report) =>
        Math.Max(report.Peak.OutputBytes, report.Result.Artifacts.Sum(artifact => artifact.Size));

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Share(double used, double limit) =>
        limit > 0 ? string.Create(CultureInfo.InvariantCulture, $"{Math.Round(100 * used / limit):0}%") : "";
}
