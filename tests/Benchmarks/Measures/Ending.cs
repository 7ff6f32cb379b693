using System.Diagnostics;
using System.Globalization;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>How long a sandbox outlives a signal to the command line that owns it, until the engine says that it has removed the container. The peer is the goal itself.</summary>
internal sealed class Ending : IMeasure
{
    // The first thing that is told of the agent itself.
    private const string Ready = "agent.output";

    private readonly Bench _bench = new();
    private readonly string _executable;
    private readonly string _signal;

    private Ending(string name, string executable, string signal, int seconds)
    {
        Name = name;
        _executable = executable;
        _signal = signal;
        Peers = [new(string.Create(CultureInfo.InvariantCulture, $"{seconds} s"), 1, _ => Task.FromResult(TimeSpan.FromSeconds(seconds)))];
    }

    public string Name { get; }

    public IReadOnlyList<Peer> Peers { get; }

    /// <summary>An interrupt, and an agent that heeds its own signal.</summary>
    public static Ending Cancelled(string executable) => new("cancel", executable, "INT", 1);

    /// <summary>A kill: nobody is left to remove anything.</summary>
    public static Ending Killed(string executable) => new("killed", executable, "KILL", 3);

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken) =>
        File.Exists(_executable)
            ? await DockerClient.MissingAsync(cancellationToken)
            : $"'{_executable}' is not there: publish src/Action with -c Release -r linux-x64, or name the executable with --cli";

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        using Process run = Process.Start(new ProcessStartInfo(
            "env",
            ["--default-signal=INT", _executable, "run", "--command", "echo ready; exec sleep 600", "--policy", _bench.PolicyFile, "--working-directory", _bench.Workspace, "--timeout-seconds", "60"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        run.StandardInput.Close();
        while (!(await run.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException("The agent never ran.")).Contains(Ready, StringComparison.Ordinal))
        {
        }

        Task rest = run.StandardOutput.ReadToEndAsync(cancellationToken);
        string owner = string.Create(CultureInfo.InvariantCulture, $"label=dev.isolated-agents.owner-pid={run.Id}");
        string container = await ExternalProgram.ReadAsync(cancellationToken, "docker", "ps", "-aq", "--no-trunc", "--filter", owner);
        if (container.Length == 0)
        {
            throw new InvalidOperationException("The run has no container.");
        }

        using Process events = Process.Start(new ProcessStartInfo("docker", ["events", "--since", "1m", "--filter", $"container={container}", "--format", "{{.Action}}"]) { RedirectStandardOutput = true })!;
        try
        {
            // It listens once it has told what was before.
            await WaitForAsync(events, "start", cancellationToken);
            long began = Stopwatch.GetTimestamp();
            await ExternalProgram.ReadAsync(cancellationToken, "kill", $"-{_signal}", run.Id.ToString(CultureInfo.InvariantCulture));
            await WaitForAsync(events, "destroy", cancellationToken);
            TimeSpan time = Stopwatch.GetElapsedTime(began);
            await run.WaitForExitAsync(cancellationToken);
            await rest;
            return time;
        }
        finally
        {
            events.Kill();
        }
    }

    public IEnumerable<string> Notes() => [];

    public ValueTask DisposeAsync()
    {
        _bench.Dispose();
        return ValueTask.CompletedTask;
    }

    private static async Task WaitForAsync(Process events, string action, CancellationToken cancellationToken)
    {
        while ((await events.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException($"The engine never told of '{action}'.")) != action)
        {
        }
    }
}
