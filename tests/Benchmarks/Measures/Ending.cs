using System.Diagnostics;
using System.Globalization;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>
/// How long a signal to the process that owns a sandbox takes, until that process has ended and the engine says that it has removed the
/// container. The peer is the goal itself.
/// </summary>
internal sealed class Ending : IMeasure
{
    // The agent says it as soon as it heeds, or does not heed, what it will be sent.
    private const string Ready = "ready-for-the-signal";
    private const string HeedingAgent = $"echo {Ready}; exec sleep 600";
    private const string HeedlessAgent = $"trap '' TERM INT HUP; echo {Ready}; while true; do sleep 600; done";

    private readonly string _signal;
    private readonly Func<CancellationToken, Task<string?>> _prepareAsync;
    private readonly Func<string[]> _createCommand;
    private readonly Func<ValueTask> _disposeAsync;

    private Ending(
        string name,
        string signal,
        int seconds,
        Func<CancellationToken, Task<string?>> prepareAsync,
        Func<string[]> createCommand,
        Func<ValueTask> disposeAsync
    )
    {
        Name = name;
        _signal = signal;
        _prepareAsync = prepareAsync;
        _createCommand = createCommand;
        _disposeAsync = disposeAsync;
        Peers = [new(string.Create(CultureInfo.InvariantCulture, $"{seconds} s"), 1, _ => Task.FromResult(TimeSpan.FromSeconds(seconds)))];
    }

    public string Name { get; }

    public IReadOnlyList<Peer> Peers { get; }

    /// <summary>An interrupt, and an agent that heeds its own signal.</summary>
    public static Ending Cancelled(string executable) => OfCommandLine("cancel", executable, "INT", 1);

    /// <summary>A kill: nobody is left to remove anything.</summary>
    public static Ending Killed(string executable) => OfCommandLine("killed", executable, "KILL", 3);

    /// <summary>
    /// What the runner sends first to the step that it cancels, by way of the engine's client, and an agent that heeds no signal.
    /// </summary>
    public static Ending ActionInterrupted(string executable) => OfAction("action-interrupt", executable, "INT");

    /// <summary>What the runner sends then.</summary>
    public static Ending ActionTerminated(string executable) => OfAction("action-terminate", executable, "TERM");

    public Task<string?> PrepareAsync(CancellationToken cancellationToken) => _prepareAsync(cancellationToken);

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        // What it says of its end is of no interest.
        string[] start = ["--default-signal=INT", "sh", "-c", "exec \"$@\" 2>/dev/null", "sh", .. _createCommand()];
        using Process run = Process.Start(
            new ProcessStartInfo("env", start) { RedirectStandardInput = true, RedirectStandardOutput = true }
        )!;
        run.StandardInput.Close();
        while (
            !(
                await run.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException("The agent never ran.")
            ).Contains(Ready, StringComparison.Ordinal)
        ) { }

        Task rest = run.StandardOutput.ReadToEndAsync(cancellationToken);
        string[] sandboxes = (
            await ExternalProgram.ReadAsync(
                cancellationToken,
                "docker",
                "ps",
                "-q",
                "--no-trunc",
                "--filter",
                "label=dev.isolated-agents.session"
            )
        ).Split('\n');
        if (sandboxes is not [{ Length: > 0 } sandbox])
        {
            throw new InvalidOperationException($"The run has no container, or there are others: {string.Join(' ', sandboxes)}");
        }

        using Process events = Process.Start(
            new ProcessStartInfo("docker", ["events", "--since", "1m", "--filter", $"container={sandbox}", "--format", "{{.Action}}"])
            {
                RedirectStandardOutput = true,
            }
        )!;
        try
        {
            // It listens once it has told what was before.
            await WaitForAsync(events, "start", cancellationToken);
            long began = Stopwatch.GetTimestamp();
            await ExternalProgram.ReadAsync(cancellationToken, "kill", $"-{_signal}", run.Id.ToString(CultureInfo.InvariantCulture));
            await WaitForAsync(events, "destroy", cancellationToken);
            await run.WaitForExitAsync(cancellationToken);
            TimeSpan time = Stopwatch.GetElapsedTime(began);
            await rest;
            return time;
        }
        finally
        {
            events.Kill();
        }
    }

    public IEnumerable<string> Notes() => [];

    public ValueTask DisposeAsync() => _disposeAsync();

    private static Ending OfCommandLine(string name, string executable, string signal, int seconds)
    {
        Bench bench = new();
        return new Ending(
            name,
            signal,
            seconds,
            async token =>
                File.Exists(executable)
                    ? await DockerClient.MissingAsync(token)
                    : $"'{executable}' is not there: publish src/Action with -c Release -r linux-x64, or name the executable with --cli",
            () =>
                [
                    executable,
                    "run",
                    "--command",
                    HeedingAgent,
                    "--policy",
                    bench.PolicyFile,
                    "--working-directory",
                    bench.Workspace,
                    "--timeout-seconds",
                    "60",
                ],
            () =>
            {
                bench.Dispose();
                return ValueTask.CompletedTask;
            }
        );
    }

    private static Ending OfAction(string name, string executable, string signal)
    {
        ActionImage image = new(executable);
        return new Ending(name, signal, 5, image.BuildAsync, () => image.Step(HeedlessAgent), image.DisposeAsync);
    }

    private static async Task WaitForAsync(Process events, string action, CancellationToken cancellationToken)
    {
        while (
            (
                await events.StandardOutput.ReadLineAsync(cancellationToken)
                ?? throw new InvalidOperationException($"The engine never told of '{action}'.")
            ) != action
        ) { }
    }
}
