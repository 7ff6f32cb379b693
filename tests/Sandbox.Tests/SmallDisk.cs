using System.Diagnostics;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>A file system in memory that is soon full.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _path;

    private SmallDisk(string path) => _path = path;

    public static async Task<SmallDisk> MountAsync(string path, string size, CancellationToken cancellationToken)
    {
        using Process mount = Process.Start("mount", ["-t", "tmpfs", "-o", $"size={size}", "tmpfs", path]);
        await mount.WaitForExitAsync(cancellationToken);
        return mount.ExitCode == 0
            ? new SmallDisk(path)
            : throw new InvalidOperationException($"A file system of {size} could not be mounted at {path}.");
    }

    public void Dispose()
    {
        using Process unmount = Process.Start("umount", [_path]);
        unmount.WaitForExit();
    }
}
