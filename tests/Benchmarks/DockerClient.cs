namespace IsolatedAgents.Benchmarks;

/// <summary>The engine's own command line: the peer of most measures.</summary>
internal static class DockerClient
{
    public const string Image = "isolated-agents/busybox:latest";

    /// <summary>One with Python, and with the tools of Debian.</summary>
    public const string PythonImage = "isolated-agents/python:bookworm";

    /// <summary>The limits of the policy in <see cref="Bench"/>, as options.</summary>
    public static string[] Run(params string[] options) => RunImage(Image, options);

    /// <summary>The same in another image.</summary>
    public static string[] RunImage(string image, params string[] options) => RunImageOn("none", image, options);

    /// <summary>The same on another network.</summary>
    public static string[] RunImageOn(string network, string image, params string[] options) =>
        [
            "docker",
            "run",
            "--rm",
            "--network",
            network,
            "--memory",
            "128m",
            "--memory-swap",
            "128m",
            "--cpus",
            "1",
            "--pids-limit",
            "64",
            "--read-only",
            .. options,
            image,
        ];

    /// <summary>The reason why the engine or the image is not there; null where both are.</summary>
    public static async Task<string?> MissingAsync(CancellationToken cancellationToken)
    {
        try
        {
            await ExternalProgram.ReadAsync(cancellationToken, "docker", "image", "inspect", "--format", "{{.Id}}", Image);
            return null;
        }
        catch (Exception failure) when (failure is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return "no engine, or no test image: run build/setup.sh";
        }
    }

    /// <summary>Waits until the engine has removed a container.</summary>
    public static async Task WaitForRemovalAsync(string containerId, CancellationToken cancellationToken)
    {
        while ((await ExternalProgram.ReadAsync(cancellationToken, "docker", "ps", "-aq", "--filter", $"id={containerId}")).Length > 0)
        {
            await Task.Delay(20, cancellationToken);
        }
    }
}
