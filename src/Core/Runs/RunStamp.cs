using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.Agents;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Runs;

/// <summary>
/// The record that a run passed, and for what: agent, arguments, environment, policy, image and inputs by content. A build skips an
/// agent by it, and packaging asks for it.
/// </summary>
internal sealed class RunStamp
{
    private readonly string _path;
    private readonly string _fingerprint;
    private readonly string? _output;

    private RunStamp(string path, string fingerprint, string? output)
    {
        _path = path;
        _fingerprint = fingerprint;
        _output = output;
    }

    /// <summary>Null where the request asks for none.</summary>
    public static RunStamp? Create(AgentRunRequest request, LoadedPolicy loaded, AgentPlan agent) =>
        request.StampFile is { Length: > 0 } file
            ? new RunStamp(
                Path.GetFullPath(file, request.BaseDirectory),
                RunFingerprint.Compute(request, loaded, agent),
                request.OutputDirectory is { Length: > 0 } output ? Path.GetFullPath(output, request.BaseDirectory) : null)
            : null;

    /// <summary>The record of the last passed run, if nothing has changed since and its artifacts are as it left them; else null.</summary>
    public RunStampContent? FindUnchanged() =>
        Read() is { } content && content.Fingerprint == _fingerprint && ArtifactsOf(content).All(IsAsLeft) ? content : null;

    /// <summary>Whether some run has passed, whatever has changed since.</summary>
    public bool Exists => Read() is not null;

    /// <summary>The artifacts of a record, where they lie now.</summary>
    public ImmutableArray<Artifact> ArtifactsOf(RunStampContent content) =>
    [
        .. content.Artifacts.Select(artifact => new Artifact(
            _output is null ? artifact.Name : Path.Combine(_output, artifact.Name.Replace('/', Path.DirectorySeparatorChar)),
            artifact.Name,
            artifact.Size,
            artifact.Sha256)),
    ];

    /// <summary>Forgets the last run, so that one that fails or is broken off leaves no record.</summary>
    public void Clear()
    {
        if (File.Exists(_path))
        {
            File.Delete(_path);
        }
    }

    /// <summary>Remembers this run. Two builds may do so at once: the file is whole at any time.</summary>
    public void Write(string environment, string imageId, AgentRunResult result)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        RunStampContent content = new(
            _fingerprint,
            environment,
            imageId,
            [.. result.Artifacts.Select(artifact => new RunStampArtifact(artifact.Name, artifact.Size, artifact.Sha256))],
            [.. result.Diagnostics.Select(warning => new RunStampWarning(warning.Code, warning.Message, warning.File, warning.Line, warning.Column))]);
        string partial = $"{_path}.{Guid.NewGuid():N}";
        try
        {
            File.WriteAllBytes(partial, JsonSerializer.SerializeToUtf8Bytes(content, RunStampContext.Default.RunStampContent));
            File.Move(partial, _path, overwrite: true);
        }
        finally
        {
            File.Delete(partial);
        }
    }

    private RunStampContent? Read()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(_path), RunStampContext.Default.RunStampContent)
                is { Artifacts: not null, Warnings: not null } content ? content : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    private static bool IsAsLeft(Artifact artifact) =>
        new FileInfo(artifact.Path) is { Exists: true } file && file.Length == artifact.Size && RunFingerprint.HashOf(artifact.Path) == artifact.Sha256;
}

/// <summary>A stamp as it lies on disk.</summary>
/// <param name="Fingerprint">What the run depended on and the project says: the same wherever the project is built.</param>
/// <param name="Environment">The same, with the values of the host's variables that the agent was given.</param>
/// <param name="ImageId">The engine's id of the image.</param>
/// <param name="Artifacts">The files that the run left.</param>
/// <param name="Warnings">What the run warned of: a build that skips the agent warns again.</param>
internal sealed record RunStampContent(
    string Fingerprint,
    string Environment,
    string ImageId,
    IReadOnlyList<RunStampArtifact> Artifacts,
    IReadOnlyList<RunStampWarning> Warnings)
{
    /// <summary>The warnings as the run gave them.</summary>
    public ImmutableArray<Diagnostic> Diagnostics() =>
    [
        .. Warnings.Select(warning => new Diagnostic(warning.Code, DiagnosticSeverity.Warning, warning.Message)
        {
            File = warning.File,
            Line = warning.Line,
            Column = warning.Column,
        }),
    ];
}

/// <summary>A file that a run left, by its name below the output folder.</summary>
internal sealed record RunStampArtifact(string Name, long Size, string Sha256);

/// <summary>A warning, without secrets.</summary>
internal sealed record RunStampWarning(string Code, string Message, string? File, int Line, int Column);

[JsonSerializable(typeof(RunStampContent))]
internal sealed partial class RunStampContext : JsonSerializerContext;
