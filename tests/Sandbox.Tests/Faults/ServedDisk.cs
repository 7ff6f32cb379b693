using System.Diagnostics;
using System.Globalization;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>A folder that is shown through a server of the test's own, which can be made to stand still or to go away under open files.</summary>
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

    public static async Task<ServedDisk> MountAsync(string root, CancellationToken cancellationToken)
    {
        string real = Directory.CreateDirectory(Path.Combine(root, "real")).FullName;
        string shown = Directory.CreateDirectory(Path.Combine(root, "shown")).FullName;
        await File.WriteAllTextAsync(Path.Combine(real, "mark"), "", cancellationToken);
        ServedDisk disk = new(Process.Start("bindfs", ["-f", "-o", "direct_io", real, shown]), real, shown);
        while (!File.Exists(Path.Combine(shown, "mark")))
        {
            Assert.IsFalse(disk._server.HasExited, "bindfs is needed for a file system that can fail, and ended.");
            await Task.Delay(20, cancellationToken);
        }

        return disk;
    }

    /// <summary>Has the server stand still, go on, or go away.</summary>
    public Task SignalAsync(string signal) => HostProgram.RunAsync("kill", [$"-{signal}", _server.Id.ToString(CultureInfo.InvariantCulture)], CancellationToken.None);

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
}
