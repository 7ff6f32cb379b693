namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>An agent that prints a million lines, each of which becomes an event, against an engine that copies bytes.</summary>
internal sealed class Flood : IMeasure
{
    private const int LineCount = 1_000_000;
    private const string Line = "a line of the length that agents print: one file, one finding";
    private const string Command = "yes '" + Line + "' | head -n 1000000";

    private readonly Bench _bench = new();

    public string Name => "flood";

    public IReadOnlyList<Peer> Peers { get; } =
    [
        new("docker run (default log)", 0.75, token => ExternalProgram.TimeAsync(token, [.. DockerClient.Run(), "sh", "-c", Command])),
        new("docker run (log none)", 1.05, token =>
            ExternalProgram.TimeAsync(token, [.. DockerClient.Run("--log-driver", "none"), "sh", "-c", Command])
        ),
    ];

    public Task<string?> PrepareAsync(CancellationToken cancellationToken) => DockerClient.MissingAsync(cancellationToken);

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        TimedRun run = await _bench.RunAsync(Command, collect: false, telemetryFile: false, cancellationToken);
        if (run.Log.Lines != LineCount || run.Log.Characters != (long)LineCount * Line.Length)
        {
            throw new InvalidOperationException(
                $"{run.Log.Lines} lines with {run.Log.Characters} characters came instead of {LineCount} of {Line.Length}."
            );
        }

        await DockerClient.WaitForRemovalAsync(run.Log.ContainerId, cancellationToken);
        return run.Time;
    }

    public IEnumerable<string> Notes() => [];

    public ValueTask DisposeAsync()
    {
        _bench.Dispose();
        return ValueTask.CompletedTask;
    }
}
