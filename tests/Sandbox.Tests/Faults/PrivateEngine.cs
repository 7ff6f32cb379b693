using System.Diagnostics;
using System.Globalization;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>
/// A Docker engine of one test's own, with its own containerd, data and socket: it can be killed, frozen and restarted, and its disk
/// filled, without another test noticing.
/// </summary>
internal sealed class PrivateEngine : IAsyncDisposable
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("ia-engine-").FullName;
    private readonly string[] _options;
    private readonly EngineCli _cli;
    private Process? _process;

    private PrivateEngine(string[] options)
    {
        _options = options;
        Socket = Path.Combine(_folder, "engine.sock");
        _cli = new EngineCli("docker", Socket, "docker", "--host", Address);
    }

    /// <summary>Its own client.</summary>
    public EngineCli Cli => _cli;

    /// <summary>Where it listens.</summary>
    public string Socket { get; }

    /// <summary>What <c>DOCKER_HOST</c> is to be.</summary>
    public string Address => $"unix://{Socket}";

    /// <summary>The daemon's process.</summary>
    public int ProcessId => _process!.Id;

    /// <summary>Starts one that holds the small image.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="diskSize">The size of its data's file system, such as <c>48m</c>; null for a folder.</param>
    /// <param name="options">More arguments of the daemon.</param>
    public static async Task<PrivateEngine> StartAsync(
        CancellationToken cancellationToken,
        string? diskSize = null,
        params string[] options
    )
    {
        PrivateEngine engine = new(options);
        try
        {
            string root = Directory.CreateDirectory(Path.Combine(engine._folder, "root")).FullName;
            if (diskSize is not null)
            {
                await HostProgram.RunAsync("mount", ["-t", "tmpfs", "-o", $"size={diskSize}", "tmpfs", root], cancellationToken);
            }

            await engine.StartAsync(cancellationToken);
            string image = Path.Combine(engine._folder, "image.tar");
            await EngineCli.Docker.AskAsync(cancellationToken, "save", "-o", image, SandboxHost.BusyboxImage);
            await engine._cli.AskAsync(cancellationToken, "load", "-i", image);
            File.Delete(image);
            return engine;
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the daemon, or starts it again on the same data.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // In its own session, so that a Ctrl+C at a terminal does not reach it; with its own network, since an engine without a bridge
        // removes the one that it finds.
        ProcessStartInfo start = new(
            "setsid",
            [
                "--wait",
                "unshare",
                "--net",
                "dockerd",
                "--host",
                Address,
                "--data-root",
                Path.Combine(_folder, "root"),
                "--exec-root",
                Path.Combine(_folder, "exec"),
                "--pidfile",
                PidFile,
                "--bridge=none",
                "--iptables=false",
                "--ip-forward=false",
                "--ip-masq=false",
                .. _options,
            ]
        )
        {
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        File.Delete(PidFile);
        using Process session = Process.Start(start)!;
        TaskCompletionSource listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
        session.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null)
            {
                listening.TrySetException(new InvalidOperationException("The private engine ended before it listened."));
            }
            else if (line.Data.Contains("API listen on", StringComparison.Ordinal))
            {
                listening.TrySetResult();
            }
        };
        session.BeginErrorReadLine();
        await listening.Task.WaitAsync(StartDeadline, cancellationToken);
        _process = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(PidFile, cancellationToken), CultureInfo.InvariantCulture));
    }

    /// <summary>Asks it by its own client.</summary>
    public Task<string> AskAsync(CancellationToken cancellationToken, params string[] arguments) =>
        _cli.AskAsync(cancellationToken, arguments);

    /// <summary>Completes when no container of this process is left in it.</summary>
    public Task WhenNoneIsLeftAsync(CancellationToken cancellationToken) =>
        _cli.WhenNoneIsLeftAsync(Environment.ProcessId, cancellationToken);

    /// <summary>Ends the daemon by a signal and waits for that.</summary>
    public async Task EndAsync(string signal, CancellationToken cancellationToken)
    {
        await SignalAsync(signal, cancellationToken);
        await _process!.WaitForExitAsync(cancellationToken);
        _process.Dispose();
        _process = null;
    }

    /// <summary>Sends the daemon a signal.</summary>
    public Task SignalAsync(string signal, CancellationToken cancellationToken) =>
        HostProgram.RunAsync("kill", [$"-{signal}", ProcessId.ToString(CultureInfo.InvariantCulture)], cancellationToken);

    /// <summary>The processes that a program of this engine's has started, by a word of their command line.</summary>
    public int[] ProcessesNaming(string word) =>
        [
            .. Process
                .GetProcesses()
                .Select(process => process.Id)
                .Where(id =>
                {
                    string command = CommandOf(id);
                    return command.Contains(word, StringComparison.Ordinal) && command.Contains(_folder, StringComparison.Ordinal);
                }),
        ];

    public async ValueTask DisposeAsync()
    {
        // The daemon, what it has started, and last of all what runs in its containers, which its shims take along.
        foreach (int left in ProcessesNaming(""))
        {
            EndProcess(left);
        }

        _process?.Dispose();
        await UnmountAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private string PidFile => Path.Combine(_folder, "engine.pid");

    // A daemon that was killed leaves its containers' file systems mounted, and its own data as a mount of itself.
    private async Task UnmountAsync()
    {
        string[] mounts =
        [
            .. File.ReadLines("/proc/self/mounts")
                .Select(line => line.Split(' ')[1])
                .Where(path => path.StartsWith(_folder, StringComparison.Ordinal)),
        ];
        foreach (string mount in mounts.Reverse())
        {
            using Process unmount = Process.Start("umount", ["--lazy", mount]);
            await unmount.WaitForExitAsync();
        }
    }

    private static void EndProcess(int id)
    {
        try
        {
            using Process process = Process.GetProcessById(id);
            process.Kill();
            process.WaitForExit();
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    private static string CommandOf(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline");
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return "";
        }
    }
}
