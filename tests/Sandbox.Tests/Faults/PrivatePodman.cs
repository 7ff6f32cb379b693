using System.Diagnostics;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>A Podman service of a test's own, with its own images and containers, which nobody else's runs sweep.</summary>
internal sealed class PrivatePodman : IAsyncDisposable
{
    private const string Program = "podman";

    private readonly string _folder = Directory.CreateTempSubdirectory("ia-podman-").FullName;
    private readonly string[] _own;
    private Process? _service;

    private PrivatePodman()
    {
        _own =
        [
            "--root",
            Path.Combine(_folder, "root"),
            "--runroot",
            Path.Combine(_folder, "run"),
            "--tmpdir",
            Path.Combine(_folder, "tmp"),
        ];
        Cli = new EngineCli(Program, Socket, Program, "--url", Address);
    }

    /// <summary>Its own client.</summary>
    public EngineCli Cli { get; }

    /// <summary>What <c>DOCKER_HOST</c> is to be.</summary>
    public string Address => $"unix://{Socket}";

    private string Socket => Path.Combine(_folder, "podman.sock");

    /// <summary>Starts one that holds the small image.</summary>
    public static async Task<PrivatePodman> StartAsync(CancellationToken cancellationToken)
    {
        PrivatePodman podman = new();
        try
        {
            string image = Path.Combine(podman._folder, "image.tar");
            await EngineCli.Docker.AskAsync(cancellationToken, "save", "-o", image, SandboxHost.BusyboxImage);
            await HostProgram.RunAsync(Program, [.. podman._own, "load", "-i", image], cancellationToken);
            // Docker's API on Podman reads a short name as one of docker.io's.
            await HostProgram.RunAsync(
                Program,
                [.. podman._own, "tag", SandboxHost.BusyboxImage, $"docker.io/{SandboxHost.BusyboxImage}"],
                cancellationToken
            );
            using FileSystemWatcher sockets = new(podman._folder, "*.sock") { EnableRaisingEvents = true };
            TaskCompletionSource listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
            sockets.Created += (_, _) => listening.TrySetResult();
            podman._service = Process.Start(Program, [.. podman._own, "system", "service", "--time=0", podman.Address]);
            await listening.Task.WaitAsync(cancellationToken);
            return podman;
        }
        catch
        {
            await podman.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_service is not null)
        {
            // While it lives, since its containers' monitors are no children of its.
            await HostProgram.RunAsync(Program, [.. _own, "rm", "--all", "--force", "--time", "0"], CancellationToken.None);
            _service.Kill(entireProcessTree: true);
            await _service.WaitForExitAsync(CancellationToken.None);
            _service.Dispose();
        }

        foreach (
            string mount in File.ReadLines("/proc/self/mounts")
                .Select(line => line.Split(' ')[1])
                .Where(path => path.StartsWith(_folder, StringComparison.Ordinal))
                .Reverse()
                .ToArray()
        )
        {
            await HostProgram.RunAsync("umount", ["--lazy", mount], CancellationToken.None);
        }

        Directory.Delete(_folder, recursive: true);
    }
}
