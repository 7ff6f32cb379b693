using System.Globalization;
using IsolatedAgents.Events;

namespace IsolatedAgents.Benchmarks;

/// <summary>Where the time of a run goes: our own events, and the engine's, on one clock.</summary>
internal sealed class Phases
{
    private readonly Dictionary<string, List<double>> _times = [];
    private readonly List<string> _order = [];

    /// <summary>Takes one run whose container is gone.</summary>
    public async Task AddAsync(TimedRun run, CancellationToken cancellationToken)
    {
        List<(string Phase, DateTimeOffset At)> marks =
        [
            ("resolve, connect", run.Log.At<SessionInitializing>()),
            ("describe policy", run.Log.At<PolicyValidating>()),
            .. await EngineMarksAsync(run, cancellationToken),
            ("start, until connected", run.Log.Events.OfType<ContainerProvisioning>().Last().Timestamp),
            ("hello, checks, launch", run.Log.At<AgentStarting>()),
            ("agent", run.Log.At<AgentCompleted>()),
            ("outputs, done", run.Log.At<ContainerRemoving>()),
            ("session ends", run.Log.At<SessionCompleted>()),
            ("drain, return", run.Started + run.Time),
        ];
        DateTimeOffset previous = run.Started;
        foreach ((string phase, DateTimeOffset at) in marks)
        {
            Add(phase, (at - previous).TotalMilliseconds);
            previous = at;
        }
    }

    public IEnumerable<string> Lines() =>
        _order.Select(phase => string.Create(CultureInfo.InvariantCulture, $"  {phase, -26}{Statistics.Median(_times[phase]), 8:0.0} ms"));

    // The engine dates its events in nanoseconds, with the clock of this machine.
    private static async Task<IReadOnlyList<(string Phase, DateTimeOffset At)>> EngineMarksAsync(
        TimedRun run,
        CancellationToken cancellationToken
    )
    {
        string since = Seconds(run.Started.AddSeconds(-1));
        string until = Seconds(DateTimeOffset.UtcNow);
        string lines = await ExternalProgram.ReadAsync(
            cancellationToken,
            "docker",
            "events",
            "--since",
            since,
            "--until",
            until,
            "--filter",
            $"container={run.Log.ContainerId}",
            "--format",
            "{{.Action}} {{.TimeNano}}"
        );
        Dictionary<string, DateTimeOffset> events = lines
            .Split('\n')
            .Select(line => line.Split(' '))
            .ToDictionary(
                parts => parts[0],
                parts => DateTimeOffset.UnixEpoch.AddTicks(long.Parse(parts[1], CultureInfo.InvariantCulture) / 100),
                StringComparer.Ordinal
            );
        return [("inspect image, create", events["create"])];
    }

    private static string Seconds(DateTimeOffset time) =>
        (time.ToUnixTimeMilliseconds() / 1000.0).ToString("0.000", CultureInfo.InvariantCulture);

    private void Add(string phase, double milliseconds)
    {
        if (!_times.TryGetValue(phase, out List<double>? times))
        {
            _times[phase] = times = [];
            _order.Add(phase);
        }

        times.Add(milliseconds);
    }
}
