using System.Globalization;
using System.Security.Cryptography;
using IsolatedAgents.Events;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>Files from the sandbox to the host: ours from the agent's end to the outputs in place, hashes and manifest included.</summary>
/// <param name="name">What it is called on the command line.</param>
/// <param name="files">How many files.</param>
/// <param name="bytes">How long each of them is.</param>
/// <param name="goal">Ours over the engine's own copy: not more than this.</param>
internal sealed class Collect(string name, int files, int bytes, double goal) : IMeasure
{
    // The peer's source lies in memory as far as the machine has any: so must ours, and not on the disk because its agent may have less
    // memory than it writes.
    private const int MemoryMegabytes = 1024;

    private readonly Bench _bench = new(
        string.Create(CultureInfo.InvariantCulture, $", \"max_output_bytes\": {2L * files * bytes}, \"max_output_files\": {files}"),
        memoryMegabytes: MemoryMegabytes
    );
    private string? _source;
    private int _setAside;

    public string Name => name;

    public IReadOnlyList<Peer> Peers => [new("docker cp", goal, CopyAsync)];

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken)
    {
        if (await DockerClient.MissingAsync(cancellationToken) is { } missing)
        {
            return missing;
        }

        _source = await ExternalProgram.ReadAsync(
            cancellationToken,
            "docker",
            "create",
            "--network",
            "none",
            DockerClient.Image,
            "sh",
            "-c",
            $"mkdir /data; {Fill("/data")}"
        );
        await ExternalProgram.ReadAsync(cancellationToken, "docker", "start", "--attach", _source);
        return null;
    }

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        TimedRun run = await _bench.RunAsync(Fill("/output"), collect: true, telemetryFile: true, cancellationToken);
        foreach (Runs.Artifact artifact in run.Result.Artifacts)
        {
            using FileStream file = File.OpenRead(artifact.Path);
            if (file.Length != bytes || Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellationToken)) != artifact.Sha256)
            {
                throw new InvalidOperationException($"'{artifact.Name}' is not the file that the manifest tells.");
            }
        }

        if (run.Result.Artifacts.Length != files)
        {
            throw new InvalidOperationException($"{run.Result.Artifacts.Length} files came instead of {files}.");
        }

        Discard(_bench.Output);
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

    private string Fill(string folder) =>
        files == 1
            ? string.Create(CultureInfo.InvariantCulture, $"head -c {bytes} /dev/urandom > {folder}/data")
            : string.Create(
                CultureInfo.InvariantCulture,
                $"cd {folder}; i=0; while [ $i -lt {files} ]; do head -c {bytes} /dev/urandom > file$i; i=$((i+1)); done"
            );

    // Many files go when all is measured: ext4 without a journal searches long for inodes that were not freed lately, and both sides would
    // wait for that alone.
    private void Discard(string folder)
    {
        if (files == 1)
        {
            Directory.Delete(folder, recursive: true);
            return;
        }

        Directory.Move(folder, Path.Combine(_bench.Root, string.Create(CultureInfo.InvariantCulture, $"aside{_setAside++}")));
    }

    private async Task<TimeSpan> CopyAsync(CancellationToken cancellationToken)
    {
        string target = Path.Combine(_bench.Root, "copied");
        TimeSpan time = await ExternalProgram.TimeAsync(cancellationToken, "docker", "cp", $"{_source}:/data", target);
        long length = new DirectoryInfo(target).EnumerateFiles().Sum(file => file.Length);
        Discard(target);
        return length == (long)files * bytes ? time : throw new InvalidOperationException($"docker cp brought {length} bytes.");
    }
}
