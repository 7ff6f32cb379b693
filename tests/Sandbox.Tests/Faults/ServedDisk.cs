using System.Diagnostics;
using System.Globalization;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>
/// A folder that is shown through a server of the test's own, which can be made to stand still or to go away under open files.
/// </summary>
internal sealed class ServedDisk : IAsyncDisposable
{
    private readonly Process _server;

    private ServedDisk(Process server, string real, string shown)
    {
        _server = server;
        Real = real;
        Shown = shown;
    }

    /// <summary>The folder itself.</summary>
    public string Real { get; }

    /// <summary>The same through the server.</summary>
    public string Shown { get; }

    /// <param name="root">Where the folders are made.</param>
    /// <param name="cancellationToken">The test's.</param>
    /// <param name="of">The folder to show, which may be another such disk's; by default one of its own.</param>
    public static async Task<ServedDisk> MountAsync(string root, CancellationToken cancellationToken, string? of = null)
    {
        string real = of ?? Directory.CreateDirectory(Path.Combine(root, "real")).FullName;
        string shown = Directory.CreateDirectory(Path.Combine(root, "shown")).FullName;
        await File.WriteAllTextAsync(Path.Combine(real, "mark"), "", cancellationToken);
        ServedDisk disk = new(Process.Start("bindfs", ["-f", "-o", "allow_other,direct_io", real, shown]), real, shown);
        while (!File.Exists(Path.Combine(shown, "mark")))
        {
            Assert.IsFalse(disk._server.HasExited, "bindfs is needed for a file system that can fail, and ended.");
            await Task.Delay(20, cancellationToken);
        }

        return disk;
    }

    /// <summary>Has the server stand still, go on, or go away.</summary>
    public Task SignalAsync(string signal) =>
        HostProgram.RunAsync("kill", [$"-{signal}", _server.Id.ToString(CultureInfo.InvariantCulture)], CancellationToken.None);

    /// <summary>Has the server stand still, and waits until it does: what it has not answered by then stays without an answer.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await SignalAsync("STOP");
        while (!Threads(_server.Id, "stat").All(stat => stat.Contains(") T ", StringComparison.Ordinal)))
        {
            await Task.Delay(20, cancellationToken);
        }
    }

    /// <summary>Waits until this disk's server waits for the answer of another one.</summary>
    public Task WhenServerWaitsAsync(CancellationToken cancellationToken) => WhenWaitsAsync(_server.Id, cancellationToken);

    /// <summary>Waits until a thread of this process waits for such a server's answer.</summary>
    public static Task WhenTestWaitsAsync(CancellationToken cancellationToken) => WhenWaitsAsync(Environment.ProcessId, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (!_server.HasExited)
        {
            await SignalAsync("CONT");
        }

        await HostProgram.RunAsync("umount", ["--lazy", Shown], CancellationToken.None);
        // A file that a run has given up stays open, and the server would serve it.
        _server.Kill();
        await _server.WaitForExitAsync(CancellationToken.None);
        _server.Dispose();
    }

    // fs/fuse/dev.c
    private static async Task WhenWaitsAsync(int processId, CancellationToken cancellationToken)
    {
        while (!Threads(processId, "wchan").Contains("request_wait_answer"))
        {
            await Task.Delay(20, cancellationToken);
        }
    }

    private static string[] Threads(int processId, string file)
    {
        try
        {
            return
            [
                .. Directory.EnumerateDirectories($"/proc/{processId}/task").Select(thread => File.ReadAllText(Path.Combine(thread, file))),
            ];
        }
        catch (IOException)
        {
            // One has ended meanwhile.
            return [""];
        }
    }
}
