using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.Agents;
using IsolatedAgents.Engines;

namespace IsolatedAgents.Runs;

/// <summary>
/// Remembers that a run passed, and for what: agent, arguments, environment, policy, image digest and inputs by content. Whatever differs makes the next run real.
/// </summary>
internal sealed class RunStamp
{
    private readonly string _path;
    private readonly string _fingerprint;

    private RunStamp(string path, string fingerprint)
    {
        _path = path;
        _fingerprint = fingerprint;
    }

    /// <summary>Null where the request asks for none.</summary>
    public static RunStamp? Create(AgentRunRequest request, ResolvedRun run, ImageDescription image) =>
        request.StampFile is { Length: > 0 } file
            ? new RunStamp(Path.GetFullPath(file, request.BaseDirectory), Fingerprint(request, run, image))
            : null;

    /// <summary>The artifacts of the last passed run, if nothing has changed since and they are as it left them; else null.</summary>
    public ImmutableArray<Artifact>? FindUnchanged()
    {
        RunStampContent? content;
        try
        {
            content = JsonSerializer.Deserialize(File.ReadAllBytes(_path), RunStampContext.Default.RunStampContent);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }

        return content?.Fingerprint == _fingerprint && content.Artifacts.All(IsAsLeft) ? [.. content.Artifacts] : null;
    }

    /// <summary>Forgets the last run, so that one that is broken off is not taken for it.</summary>
    public void Clear()
    {
        if (File.Exists(_path))
        {
            File.Delete(_path);
        }
    }

    /// <summary>Remembers this run.</summary>
    public void Write(ImmutableArray<Artifact> artifacts)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        File.WriteAllBytes(_path, JsonSerializer.SerializeToUtf8Bytes(new RunStampContent(_fingerprint, artifacts), RunStampContext.Default.RunStampContent));
    }

    private static string Fingerprint(AgentRunRequest request, ResolvedRun run, ImageDescription image)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, typeof(RunStamp).Module.ModuleVersionId.ToString());
        Append(hash, run.Loaded.Sha256);
        Append(hash, image.Id);
        Append(hash, run.Workspace ?? "");
        Append(hash, run.Output?.FullPath ?? "");
        AppendAll(hash, run.Agent.Command);
        AppendAll(hash, run.Environment.Select(variable => $"{variable.Key}={variable.Value}"));
        Append(hash, AgentHash.Compute(run.Agent));
        foreach (string input in request.Inputs.Select(input => Path.GetFullPath(input, request.BaseDirectory)).Order(StringComparer.Ordinal))
        {
            AppendFile(hash, input);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void AppendFile(IncrementalHash hash, string path)
    {
        Append(hash, path);
        if (File.Exists(path))
        {
            using FileStream stream = File.OpenRead(path);
            hash.AppendData(SHA256.HashData(stream));
        }
    }

    private static void AppendAll(IncrementalHash hash, IEnumerable<string> values)
    {
        foreach (string value in values)
        {
            Append(hash, value);
        }

        Append(hash, "");
    }

    // Behind its length, so that no two lists of texts look the same.
    private static void Append(IncrementalHash hash, string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }

    private static bool IsAsLeft(Artifact artifact)
    {
        if (!File.Exists(artifact.Path) || new FileInfo(artifact.Path).Length != artifact.Size)
        {
            return false;
        }

        using FileStream stream = File.OpenRead(artifact.Path);
        return Convert.ToHexStringLower(SHA256.HashData(stream)) == artifact.Sha256;
    }
}

/// <summary>A stamp as it lies on disk.</summary>
internal sealed record RunStampContent(string Fingerprint, IReadOnlyList<Artifact> Artifacts);

[JsonSerializable(typeof(RunStampContent))]
internal sealed partial class RunStampContext : JsonSerializerContext;
