using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Outputs;

/// <summary>The files that a run put into an output folder.</summary>
/// <param name="Session">The run.</param>
/// <param name="Files">Paths below the folder, with forward slashes.</param>
/// <param name="Owner">The gate that the folder belongs to; null where a run outside of a build filled it.</param>
internal sealed record OutputManifest(string Session, IReadOnlyList<string> Files, FolderOwner? Owner = null)
{
    /// <summary>Reads a manifest; null where there is none, or one that no run has written.</summary>
    public static OutputManifest? Read(string path)
    {
        try
        {
            // By hand: it is read by each step that is skipped, and a serializer takes longer to start than the rest of that.
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            return new OutputManifest(
                root.GetProperty(nameof(Session)).GetString() ?? "",
                [.. root.GetProperty(nameof(Files)).EnumerateArray().Select(file => file.GetString() ?? "")],
                root.TryGetProperty(nameof(Owner), out JsonElement owner) ? OwnerIn(owner) : null
            );
        }
        catch (Exception failure)
            when (failure
                    is IOException
                        or UnauthorizedAccessException
                        or JsonException
                        or KeyNotFoundException
                        or InvalidOperationException
            )
        {
            return null;
        }
    }

    private static FolderOwner OwnerIn(JsonElement owner) =>
        new(
            owner.GetProperty(nameof(FolderOwner.Project)).GetString() ?? "",
            owner.GetProperty(nameof(FolderOwner.Item)).GetString() ?? "",
            owner.GetProperty(nameof(FolderOwner.Configuration)).GetString() ?? ""
        );
}

[JsonSerializable(typeof(OutputManifest))]
[JsonSourceGenerationOptions(WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class OutputManifestContext : JsonSerializerContext;
