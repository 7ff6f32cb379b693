using System.Diagnostics;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>What the engine itself says, asked by its own client and not by the code under test.</summary>
internal static class DockerCli
{
    /// <summary>Ids of containers that carry a session's label.</summary>
    public static async Task<string> ContainersOfAsync(string sessionId, CancellationToken cancellationToken) =>
        await RunAsync(cancellationToken, "ps", "-aq", "--filter", $"label=dev.isolated-agents.session={sessionId}");

    /// <summary>Runs the client and gives what it wrote.</summary>
    public static async Task<string> RunAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        using Process process = Process.Start(
            new ProcessStartInfo("docker", arguments) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? (await output).Trim()
            : throw new InvalidOperationException($"docker {string.Join(' ', arguments)}: {await error}");
    }

    /// <summary>Runs the client to clean up, where there may be nothing to clean up.</summary>
    public static async Task TryAsync(params string[] arguments)
    {
        using Process process = Process.Start(
            new ProcessStartInfo("docker", arguments) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
    }

    /// <summary>Makes an image of another's files alone, without its settings, and gives its name.</summary>
    /// <param name="source">The other image.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="settings">Settings that it gets, as lines of a Dockerfile.</param>
    public static Task<string> ImportWithoutSettingsAsync(string source, CancellationToken cancellationToken, params string[] settings) =>
        ImportAsync(source, settings, [], cancellationToken);

    /// <summary>Makes an image of another's files and further ones, without its settings, and gives its name.</summary>
    /// <param name="source">The other image.</param>
    /// <param name="changes">Settings that it gets, as lines of a Dockerfile.</param>
    /// <param name="files">Texts of files, by absolute path.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<string> ImportAsync(
        string source,
        string[] changes,
        (string Path, string Text)[] files,
        CancellationToken cancellationToken
    )
    {
        string name = $"isolated-agents/test:{Guid.NewGuid():N}";
        string container = await RunAsync(cancellationToken, "create", source, "true");
        string archive = Path.GetTempFileName();
        try
        {
            foreach ((string path, string text) in files)
            {
                await File.WriteAllTextAsync(archive, text, cancellationToken);
                File.SetUnixFileMode(
                    archive,
                    UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead
                );
                await RunAsync(cancellationToken, "cp", archive, $"{container}:{path}");
            }

            await RunAsync(cancellationToken, "export", "-o", archive, container);
            await RunAsync(cancellationToken, ["import", .. changes.SelectMany(change => new[] { "-c", change }), archive, name]);
            return name;
        }
        finally
        {
            File.Delete(archive);
            await TryAsync("rm", container);
        }
    }

    /// <summary>Gives a folder of this machine to somebody.</summary>
    public static async Task ChangeOwnerAsync(string path, string owner, CancellationToken cancellationToken)
    {
        using Process process = Process.Start("chown", [owner, path]);
        await process.WaitForExitAsync(cancellationToken);
    }

    /// <summary>Removes an image of a test's own.</summary>
    public static Task RemoveImageAsync(string image) => TryAsync("rmi", "-f", image);

    /// <summary>Waits until the engine has removed a container; it says so itself, on its stream of events.</summary>
    public static async Task WaitForRemovalAsync(string sessionId, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = new(
            "docker",
            [
                "events",
                "--since",
                Engine.EngineCli.Since(),
                "--filter",
                "event=destroy",
                "--filter",
                $"label=dev.isolated-agents.session={sessionId}",
                "--format",
                "{{.ID}}",
            ]
        )
        {
            RedirectStandardOutput = true,
        };
        using Process events = Process.Start(start)!;
        try
        {
            // The client listens some time after it was started: what happens until then is replayed, so that no removal falls between
            // looking and listening.
            Task<string?> destroyed = events.StandardOutput.ReadLineAsync(cancellationToken).AsTask();
            if ((await ContainersOfAsync(sessionId, cancellationToken)).Length > 0)
            {
                await destroyed;
            }
        }
        finally
        {
            events.Kill();
        }
    }
}
