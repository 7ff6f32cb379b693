using System.Security.Cryptography;
using IsolatedAgents.Events;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>A large file from the sandbox to the host: ours from the agent's end to the outputs in place, hash and manifest included.</summary>
internal sealed class Collect : IMeasure
{
    private const int Bytes = 100 * 1024 * 1024;

    private readonly Bench _bench = new(", \"max_output_bytes\": 200000000");
    private string? _source;

    public string Name => "collect";

    public IReadOnlyList<Peer> Peers => [new("docker cp", 0.15, CopyAsync)];

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken)
    {
        if (await DockerClient.MissingAsync(cancellationToken) is { } missing)
        {
            return missing;
        }

        _source = await ExternalProgram.ReadAsync(cancellationToken, "docker", "create", "--network", "none", DockerClient.Image, "sh", "-c", Fill("/data"));
        await ExternalProgram.ReadAsync(cancellationToken, "docker", "start", "--attach", _source);
        return null;
    }

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        TimedRun run = await _bench.RunAsync(Fill("/output/data"), collect: true, telemetryFile: true, cancellationToken);
        string path = Path.Combine(_bench.Output, "data");
        using (FileStream file = File.OpenRead(path))
        {
            if (file.Length != Bytes || Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellationToken)) != run.Result.Artifacts.Single().Sha256)
            {
                throw new InvalidOperationException("The collected file is not the one that the manifest tells.");
            }
        }

        Directory.Delete(_bench.Output, recursive: true);
        await DockerClient.WaitForRemovalAsync(run.Log.ContainerId, cancellationToken);
        return run.Log.At<SessionCompleted>() - run.Log.At<AgentCompleted>();
    }

    public IEnumerable<string> Notes() => [];

    public async ValueTask DisposeAsync()
    {
        _bench.Dispose();
        if (_source is not null)
        {
            await ExternalProgram.ReadAsync(CancellationToken.None, "docker", "rm", "--force", _source);
        }
    }

    private static string Fill(string path) => $"head -c {Bytes} /dev/urandom > {path}";

    private async Task<TimeSpan> CopyAsync(CancellationToken cancellationToken)
    {
        string target = Path.Combine(_bench.Root, "copied");
        TimeSpan time = await ExternalProgram.TimeAsync(cancellationToken, "docker", "cp", $"{_source}:/data", target);
        long length = new FileInfo(target).Length;
        File.Delete(target);
        return length == Bytes ? time : throw new InvalidOperationException($"docker cp brought {length} bytes.");
    }
}
