using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Reports;

/// <summary>Findings as SARIF 2.1.0, for views that follow one over time.</summary>
internal static class SarifReport
{
    private const string Schema = "https://json.schemastore.org/sarif-2.1.0.json";
    private const string Information = "https://github.com/isolated-agents/isolated-agents";
    private const string FingerprintName = "isolatedAgents/v1";

    // Code views refuse a whole file for one result without a place. This is where the policy would stand.
    private const string NoPlace = "agent-policy.json";

    // What a code view takes of one run.
    private const int MaxResults = 5000;

    private static readonly ImmutableArray<string> Rules = [.. DiagnosticTable.Titles.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Writes it as UTF-8.</summary>
    public static void Write(RunReport report, Stream output)
    {
        using Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true, NewLine = "\n" });
        json.WriteStartObject();
        json.WriteString("$schema", Schema);
        json.WriteString("version", "2.1.0");
        json.WriteStartArray("runs");
        json.WriteStartObject();
        WriteTool(json);
        json.WriteStartObject("automationDetails");
        json.WriteString("id", $"isolated-agents/{UntrustedText.Display(report.Agent)}/");
        json.WriteEndObject();
        WriteInvocation(json, report);
        json.WriteString("columnKind", "utf16CodeUnits");
        json.WriteStartArray("results");
        foreach (Finding finding in report.Findings.Take(MaxResults))
        {
            WriteResult(json, finding, report);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteTool(Utf8JsonWriter json)
    {
        json.WriteStartObject("tool");
        json.WriteStartObject("driver");
        json.WriteString("name", "IsolatedAgents");
        json.WriteString("semanticVersion", ProductVersion.Text);
        json.WriteString("informationUri", Information);
        json.WriteStartArray("rules");
        foreach (string code in Rules)
        {
            json.WriteStartObject();
            json.WriteString("id", code);
            json.WriteStartObject("shortDescription");
            json.WriteString("text", DiagnosticTable.Titles[code]);
            json.WriteEndObject();
            json.WriteString("helpUri", DiagnosticTable.HelpLink(code));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteInvocation(Utf8JsonWriter json, RunReport report)
    {
        json.WriteStartArray("invocations");
        json.WriteStartObject();
        json.WriteBoolean(
            "executionSuccessful",
            report.Result.Verdict is not (Verdict.ConfigurationError or Verdict.EngineError or Verdict.Cancelled)
        );
        json.WriteNumber("exitCode", report.Result.ExitCode);
        json.WriteString("startTimeUtc", Time(report.Started));
        json.WriteString("endTimeUtc", Time(report.Ended));
        json.WriteStartObject("properties");
        json.WriteString("verdict", report.Result.Verdict.Name());
        json.WriteString("sessionId", report.Result.SessionId);
        json.WriteString("policySha256", report.PolicySha256);
        json.WriteString("agentSha256", report.AgentSha256);
        json.WriteNumber("omittedViolations", report.OmittedViolations);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteResult(Utf8JsonWriter json, Finding finding, RunReport report)
    {
        json.WriteStartObject();
        json.WriteString("ruleId", finding.Code);
        json.WriteNumber("ruleIndex", Rules.IndexOf(finding.Code));
        json.WriteString(
            "level",
            finding.Level switch
            {
                FindingLevel.Error => "error",
                FindingLevel.Warning => "warning",
                _ => "note",
            }
        );
        json.WriteStartObject("message");
        json.WriteString("text", Message(finding.Message));
        json.WriteEndObject();
        WritePlace(json, finding.Place);
        json.WriteStartObject("partialFingerprints");
        json.WriteString(FingerprintName, Fingerprint(finding, report));
        json.WriteEndObject();
        if (finding.Level == FindingLevel.Note)
        {
            json.WriteStartArray("suppressions");
            json.WriteStartObject();
            json.WriteString("kind", "external");
            json.WriteString("justification", "The policy expects it (expected_violations).");
            json.WriteEndObject();
            json.WriteEndArray();
        }

        if (finding.Violation is { } violation)
        {
            json.WriteStartObject("properties");
            json.WriteString("kind", violation.Kind.ToString().ToLowerInvariant());
            json.WriteString("sandboxSubject", UntrustedText.Display(violation.Subject));
            json.WriteString("rule", violation.Rule);
            json.WriteString("reason", UntrustedText.Display(violation.Reason));
            json.WriteString("action", violation.Action);
            json.WriteNumber("count", violation.Count);
            if (violation.Process is { } process)
            {
                json.WriteString("process", UntrustedText.Display(process));
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WritePlace(Utf8JsonWriter json, Place? place)
    {
        json.WriteStartArray("locations");
        json.WriteStartObject();
        json.WriteStartObject("physicalLocation");
        json.WriteStartObject("artifactLocation");
        json.WriteString("uri", Address(place?.File ?? NoPlace));
        json.WriteEndObject();
        json.WriteStartObject("region");
        json.WriteNumber("startLine", Math.Max(1, place?.Line ?? 1));
        if (place is { Column: > 0 })
        {
            json.WriteNumber("startColumn", place.Column);
        }

        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    // The same finding of the same agent has the same one, whatever the line, the count or the run.
    private static string Fingerprint(Finding finding, RunReport report)
    {
        string[] parts =
        [
            finding.Code,
            report.Agent,
            finding.Violation?.Kind.ToString() ?? "",
            finding.Violation?.Subject ?? "",
            finding.Violation?.Rule ?? finding.Place?.File ?? "",
        ];
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', parts))));
    }

    // In a message, brackets make links.
    private static string Message(string text) =>
        UntrustedText
            .Display(text)
            .Replace(@"\", @"\\", StringComparison.Ordinal)
            .Replace("[", @"\[", StringComparison.Ordinal)
            .Replace("]", @"\]", StringComparison.Ordinal);

    private static string Address(string file) =>
        (file.StartsWith('/') ? "file://" : "") + string.Join('/', file.Split('/').Select(Uri.EscapeDataString));

    private static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
