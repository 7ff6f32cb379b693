using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Outputs;

/// <summary>What a run put into an output folder.</summary>
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
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), OutputManifestContext.Default.OutputManifest) is { Files: not null, Owner: null or { Project: not null, Item: not null, Configuration: not null } } manifest
                ? manifest : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }
}

[JsonSerializable(typeof(OutputManifest))]
[JsonSourceGenerationOptions(WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class OutputManifestContext : JsonSerializerContext;
