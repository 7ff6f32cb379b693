using System.Diagnostics;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>The whole of a run of nothing, in a warm process.</summary>
/// <param name="untilRemoved">
/// Whether the container must be gone, as with <c>docker run --rm</c>; a build waits for the result alone, and the engine removes the
/// container meanwhile.
/// </param>
internal sealed class RunTrue(bool untilRemoved) : IMeasure
{
    private readonly Bench _bench = new();
    private readonly Phases _phases = new();

    public string Name => untilRemoved ? "run-true-removed" : "run-true";

    public IReadOnlyList<Peer> Peers { get; } =
    [new("docker run --rm", 0.6, token => ExternalProgram.TimeAsync(token, [.. DockerClient.Run(), "true"]))];

    public Task<string?> PrepareAsync(CancellationToken cancellationToken) => DockerClient.MissingAsync(cancellationToken);

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        TimedRun run = await _bench.RunAsync("true", collect: false, telemetryFile: true, cancellationToken);
        if (run.Result.AgentExitCode != 0)
        {
            throw new InvalidOperationException("The agent did not end with exit code 0.");
        }

        // Also where it does not count: a removal under way must not slow the peer down.
        await DockerClient.WaitForRemovalAsync(run.Log.ContainerId, cancellationToken);
        TimeSpan removed = Stopwatch.GetElapsedTime(began);
        if (untilRemoved)
        {
            return removed;
        }

        await _phases.AddAsync(run, cancellationToken);
        return run.Time;
    }

    public IEnumerable<string> Notes() => untilRemoved ? [] : ["where our time goes, medians:", .. _phases.Lines()];

    public ValueTask DisposeAsync()
    {
        _bench.Dispose();
        return ValueTask.CompletedTask;
    }
}
