using System.Collections.Immutable;
using System.Text.Json;
using IsolatedAgents.Agents;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution.UpToDate;

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
    /// <exception cref="Diagnostics.ConfigurationException">The agent is not there.</exception>
    /// <exception cref="IOException">A file that the run depends on cannot be read.</exception>
    public static RunStamp? Create(AgentRunRequest request) =>
        request.StampFile is { Length: > 0 } file
            ? new RunStamp(
                Path.GetFullPath(file, request.BaseDirectory),
                RunFingerprint.Compute(request, AgentPlanner.Plan(request)),
                request.OutputDirectory is { Length: > 0 } output ? Path.GetFullPath(output, request.BaseDirectory) : null
            )
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
                artifact.Sha256
            )),
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
    public void Write(AgentRunRequest request, Policy policy, string imageId, AgentRunResult result)
    {
        ImmutableArray<string> variables = RunFingerprint.VariablesOf(request, policy);
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        RunStampContent content = new(
            _fingerprint,
            variables,
            RunFingerprint.OfEnvironment(request, variables),
            policy.BaseImage,
            imageId,
            [.. result.Artifacts.Select(artifact => new RunStampArtifact(artifact.Name, artifact.Size, artifact.Sha256))],
            result.Diagnostics
        );
        string partial = $"{_path}.{Guid.NewGuid():N}";
        try
        {
            File.WriteAllBytes(partial, content.ToJson());
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
            return RunStampContent.FromJson(File.ReadAllBytes(_path));
        }
        catch (Exception failure)
            when (failure
                    is IOException
                        or UnauthorizedAccessException
                        or JsonException
                        or KeyNotFoundException
                        or InvalidOperationException
                        or FormatException
            )
        {
            return null;
        }
    }

    private static bool IsAsLeft(Artifact artifact) =>
        new FileInfo(artifact.Path) is { Exists: true } file
        && file.Length == artifact.Size
        && RunFingerprint.HashOf(artifact.Path) == artifact.Sha256;
}
