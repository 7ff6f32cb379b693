using System.Diagnostics;

namespace IsolatedAgents.Sandbox.Tests.Engine;

/// <summary>What an engine itself says, asked by its own client and not by the code under test.</summary>
/// <param name="name">How the command line names the engine.</param>
/// <param name="socket">Where it answers.</param>
/// <param name="program">Its client, and the client's first arguments.</param>
internal sealed class EngineCli(string name, string socket, params string[] program)
{
    public const string DockerSocket = "/var/run/docker.sock";
    public const string PodmanSocket = "/run/podman/podman.sock";

    private const string OwnerLabel = "dev.isolated-agents.owner-pid";

    public static EngineCli Docker { get; } = new("docker", DockerSocket, "docker", "--host", $"unix://{DockerSocket}");

    public static EngineCli Podman { get; } = new("podman", PodmanSocket, "podman", "--url", $"unix://{PodmanSocket}");

    public string Name => name;

    public string Socket => socket;

    /// <summary>Ids of the containers that a process of ours has made and that are still there, in whatever state.</summary>
    public Task<string> ContainersOfAsync(int processId, CancellationToken cancellationToken) =>
        AskAsync(cancellationToken, "ps", "-aq", "--filter", $"label={OwnerLabel}={processId}");

    /// <summary>The processes of a container, by the ids that the host knows.</summary>
    public async Task<int[]> ProcessesOfAsync(string containerId, CancellationToken cancellationToken)
    {
        string arguments = name == "docker" ? "-eo pid" : "hpid";
        string said = await AskAsync(cancellationToken, ["top", containerId, .. arguments.Split(' ')]);
        return [.. said.Split('\n').Skip(1).Select(line => int.Parse(line.Trim(), System.Globalization.CultureInfo.InvariantCulture))];
    }

    /// <summary>Runs the client and gives what it wrote.</summary>
    public async Task<string> AskAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        using Process process = Process.Start(Command(arguments))!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? (await output).Trim()
            : throw new InvalidOperationException($"{name} {string.Join(' ', arguments)}: {await error}");
    }

    /// <summary>Completes when no container of a process of ours is left; the engine says so itself, on its stream of events.</summary>
    public async Task WhenNoneIsLeftAsync(int processId, CancellationToken cancellationToken)
    {
        string removal = name == "docker" ? "destroy" : "remove";
        using Process events = Process.Start(Command("events", "--since", Since(), "--filter", $"event={removal}", "--format", "{{.ID}}"))!;
        try
        {
            // The client listens some time after it was started: what happens until then is replayed, so that no removal falls between
            // looking and listening.
            Task<string?> removed = events.StandardOutput.ReadLineAsync(cancellationToken).AsTask();
            while ((await ContainersOfAsync(processId, cancellationToken)).Length > 0)
            {
                await removed;
                removed = events.StandardOutput.ReadLineAsync(cancellationToken).AsTask();
            }
        }
        finally
        {
            events.Kill();
        }
    }

    /// <summary>Now, as clients take the time from which they replay events.</summary>
    internal static string Since() => DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture);

    private ProcessStartInfo Command(params string[] arguments) =>
        new(program[0], [.. program[1..], .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
}
