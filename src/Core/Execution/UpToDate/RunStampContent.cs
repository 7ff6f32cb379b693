using System.Collections.Immutable;
using System.Text.Json;
using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Execution.UpToDate;

/// <summary>
/// A stamp as it lies on disk. Read and written by hand: a serializer is longer in starting than all else that a skipped step does.
/// </summary>
/// <param name="Fingerprint">What the run depended on and the project says: the same wherever the project is built.</param>
/// <param name="Variables">The host's variables that the run depended on.</param>
/// <param name="Environment">Their values, as a hash.</param>
/// <param name="Image">The image by name.</param>
/// <param name="ImageId">The engine's id of the image.</param>
/// <param name="Artifacts">The files that the run left.</param>
/// <param name="Warnings">What the run warned of, without secrets: a build that skips the agent warns again.</param>
internal sealed record RunStampContent(
    string Fingerprint,
    ImmutableArray<string> Variables,
    string Environment,
    string Image,
    string ImageId,
    ImmutableArray<RunStampArtifact> Artifacts,
    ImmutableArray<Diagnostic> Warnings
)
{
    /// <summary>Reads what <see cref="ToJson"/> gives.</summary>
    /// <exception cref="Exception">Anything that the reader throws: it is no such thing.</exception>
    public static RunStampContent FromJson(byte[] json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement root = document.RootElement;
        return new RunStampContent(
            Text(root, "fingerprint"),
            [.. root.GetProperty("variables").EnumerateArray().Select(name => name.GetString() ?? "")],
            Text(root, "environment"),
            Text(root, "image"),
            Text(root, "image_id"),
            [
                .. root.GetProperty("artifacts")
                    .EnumerateArray()
                    .Select(artifact => new RunStampArtifact(
                        Text(artifact, "name"),
                        artifact.GetProperty("size").GetInt64(),
                        Text(artifact, "sha256")
                    )),
            ],
            [
                .. root.GetProperty("warnings")
                    .EnumerateArray()
                    .Select(warning => new Diagnostic(Text(warning, "code"), DiagnosticSeverity.Warning, Text(warning, "message"))
                    {
                        File = warning.GetProperty("file").GetString(),
                        Line = warning.GetProperty("line").GetInt32(),
                        Column = warning.GetProperty("column").GetInt32(),
                    }),
            ]
        );
    }

    /// <summary>The content as UTF-8.</summary>
    public byte[] ToJson()
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            json.WriteString("fingerprint", Fingerprint);
            json.WriteStartArray("variables");
            foreach (string name in Variables)
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
            json.WriteString("environment", Environment);
            json.WriteString("image", Image);
            json.WriteString("image_id", ImageId);
            json.WriteStartArray("artifacts");
            foreach (RunStampArtifact artifact in Artifacts)
            {
                json.WriteStartObject();
                json.WriteString("name", artifact.Name);
                json.WriteNumber("size", artifact.Size);
                json.WriteString("sha256", artifact.Sha256);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("warnings");
            foreach (Diagnostic warning in Warnings)
            {
                json.WriteStartObject();
                json.WriteString("code", warning.Code);
                json.WriteString("message", warning.Message);
                json.WriteString("file", warning.File);
                json.WriteNumber("line", warning.Line);
                json.WriteNumber("column", warning.Column);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static string Text(JsonElement element, string name) =>
        element.GetProperty(name).GetString() ?? throw new FormatException($"'{name}' is no text.");
}

/// <summary>A file that a run left, by its name below the output folder.</summary>
internal sealed record RunStampArtifact(string Name, long Size, string Sha256);
