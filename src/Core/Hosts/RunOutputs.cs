using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Hosts;

/// <summary>The outputs of a run that later steps of a job may read. Each value is one line.</summary>
internal static class RunOutputs
{
    // A later step gets these as variables, of which a kernel takes 128 KiB.
    private const int MaxList = 64 * 1024;

    /// <summary>Names and values.</summary>
    /// <param name="result">The run.</param>
    /// <param name="auditLog">Absolute path of the audit log; null where there is none.</param>
    /// <param name="name">Turns an absolute path of this process into what a later step can open.</param>
    public static ImmutableArray<(string Name, string Value)> Of(AgentRunResult result, string? auditLog, Func<string, string> name) =>
        [
            ("exit-code", (result.AgentExitCode ?? result.ExitCode).ToString(CultureInfo.InvariantCulture)),
            ("verdict", result.Verdict.Name()),
            ("violations", List(result.Violations, static (json, violation) =>
                {
                    json.WriteString("kind", violation.Kind.ToString().ToLowerInvariant());
                    json.WriteString("rule", violation.Rule);
                    json.WriteString("subject", violation.Subject);
                    json.WriteString("action", violation.Action);
                })),
            ("artifacts", List(result.Artifacts, (json, artifact) =>
                {
                    json.WriteString("path", name(artifact.Path));
                    json.WriteNumber("size", artifact.Size);
                    json.WriteString("sha256", artifact.Sha256);
                })),
            ("duration-seconds", result.Duration.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture)),
            ("session-id", result.SessionId),
            ("report", result.Reports?.Html is { } html ? name(html) : ""),
            ("sarif", result.Reports?.Sarif is { } sarif ? name(sarif) : ""),
            ("audit-log", result.AuditHead is not null && auditLog is not null ? name(auditLog) : ""),
        ];

    // The writer escapes all but plain ASCII, line ends among it.
    private static string List<T>(ImmutableArray<T> items, Action<Utf8JsonWriter, T> write)
    {
        using MemoryStream stream = new();
        using Utf8JsonWriter json = new(stream);
        json.WriteStartArray();
        foreach (T item in items)
        {
            if (json.BytesCommitted + json.BytesPending > MaxList)
            {
                break;
            }

            json.WriteStartObject();
            write(json, item);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.Flush();
        return Encoding.UTF8.GetString(stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }
}
