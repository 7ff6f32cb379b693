using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using IsolatedAgents.Policies.Probes;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Reports.Attestations;

/// <summary>
/// States the products of a run, their sources, and the run's end, as an in-toto statement of version 1 whose predicate is SLSA's
/// provenance of version 1. Subjects are the artifacts; a run that left none speaks of its session record.
/// </summary>
internal static class RunStatement
{
    /// <summary>Kind of the statement.</summary>
    public const string Type = "https://in-toto.io/Statement/v1";

    /// <summary>Kind of its predicate.</summary>
    public const string PredicateType = "https://slsa.dev/provenance/v1";

    private const string Product = "https://github.com/isolated-agents/isolated-agents";
    private const string BuildType = Product + "#attestations";

    /// <summary>The statement as UTF-8.</summary>
    public static byte[] Create(RunReport report, string sessionRecord)
    {
        string recordSha256 = HashOf(sessionRecord);
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            json.WriteString("_type", Type);
            json.WriteStartArray("subject");
            foreach (Artifact artifact in report.Result.Artifacts)
            {
                WriteResource(json, artifact.Name, artifact.Sha256);
            }

            if (report.Result.Artifacts.IsEmpty)
            {
                WriteResource(json, Path.GetFileName(sessionRecord), recordSha256);
            }

            json.WriteEndArray();
            json.WriteString("predicateType", PredicateType);
            json.WriteStartObject("predicate");
            WriteDefinition(json, report);
            WriteDetails(json, report, Path.GetFileName(sessionRecord), recordSha256);
            WriteResult(json, report);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void WriteDefinition(Utf8JsonWriter json, RunReport report)
    {
        json.WriteStartObject("buildDefinition");
        json.WriteString("buildType", BuildType);
        json.WriteStartObject("externalParameters");
        json.WriteString("agent", report.Agent);
        json.WriteStartArray("command");
        foreach (string word in report.Command)
        {
            json.WriteStringValue(word);
        }

        json.WriteEndArray();
        json.WriteString("policy", report.PolicyFile);
        json.WriteString("image", report.Image);
        json.WriteEndObject();
        json.WriteStartArray("resolvedDependencies");
        WriteResource(json, "agent", report.AgentSha256);
        WriteResource(json, "policy", report.PolicySha256);
        if (!report.IsStrict)
        {
            // Which refusals did not count is a part of what the verdict means.
            WriteResource(json, "expected-probes", ExpectedProbes.Sha256);
        }

        if (report.ImageDigest?.Split(':') is ["sha256", { } digest])
        {
            WriteResource(json, "image", digest);
        }

        foreach (InstalledPackage package in report.Packages)
        {
            WritePackage(json, package);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteDetails(Utf8JsonWriter json, RunReport report, string recordName, string recordSha256)
    {
        json.WriteStartObject("runDetails");
        json.WriteStartObject("builder");
        json.WriteString("id", Product);
        json.WriteStartObject("version");
        json.WriteString("isolated-agents", ProductVersion.Text);
        json.WriteString("engine", report.Engine ?? "");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject("metadata");
        json.WriteString("invocationId", report.Result.SessionId);
        json.WriteString("startedOn", Time(report.Started));
        json.WriteString("finishedOn", Time(report.Ended));
        json.WriteEndObject();
        json.WriteStartArray("byproducts");
        WriteResource(json, recordName, recordSha256);
        if (report.Result.AuditHead is { } head)
        {
            WriteResource(json, "audit-head", head);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    // Fields of one's own carry a name in front.
    private static void WriteResult(Utf8JsonWriter json, RunReport report)
    {
        json.WriteStartObject("isolatedAgents_result");
        json.WriteString("verdict", report.Result.Verdict.Name());
        json.WriteNumber("exitCode", report.Result.ExitCode);
        json.WriteNumber("violations", report.Result.Violations.Length);
        json.WriteEndObject();
    }

    private static void WriteResource(Utf8JsonWriter json, string name, string sha256)
    {
        json.WriteStartObject();
        json.WriteString("name", name);
        json.WriteStartObject("digest");
        json.WriteString("sha256", sha256);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WritePackage(Utf8JsonWriter json, InstalledPackage package)
    {
        json.WriteStartObject();
        json.WriteString("name", package.Name);
        if (package.Sha256 is { } sha256)
        {
            json.WriteStartObject("digest");
            json.WriteString("sha256", sha256);
            json.WriteEndObject();
        }

        if (package.Version is { } version)
        {
            json.WriteStartObject("annotations");
            json.WriteString("version", version);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static string HashOf(string file)
    {
        // The record is still open for writing, by this process.
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
