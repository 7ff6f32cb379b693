using System.Text;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>A disk of its own in a file, which the kernel makes read-only under open files once it is told of an error.</summary>
internal sealed class LoopDisk : IAsyncDisposable
{
    private readonly string _device;

    private LoopDisk(string device, string path)
    {
        _device = device;
        Path = path;
    }

    /// <summary>Where it is mounted.</summary>
    public string Path { get; }

    public static async Task<LoopDisk> MountAsync(string root, CancellationToken cancellationToken)
    {
        const int Size = 8 * 1024 * 1024;
        string image = System.IO.Path.Combine(root, "disk.img");
        string path = Directory.CreateDirectory(System.IO.Path.Combine(root, "disk")).FullName;
        await using (FileStream file = File.Create(image))
        {
            file.SetLength(Size);
        }

        await HostProgram.RunAsync("mkfs.ext4", ["-q", image], cancellationToken);
        await HostProgram.RunAsync("mount", ["-o", "loop,errors=remount-ro", image, path], cancellationToken);
        string device = File.ReadLines("/proc/self/mounts").Select(line => line.Split(' ')).Single(mount => mount[1] == path)[0];
        return new LoopDisk(System.IO.Path.GetFileName(device), path);
    }

    /// <summary>An error is found on it: ext4(5), errors=remount-ro.</summary>
    public Task FailAsync(CancellationToken cancellationToken) =>
        File.WriteAllBytesAsync($"/sys/fs/ext4/{_device}/trigger_fs_error", Encoding.ASCII.GetBytes("a test's"), cancellationToken);

    public async ValueTask DisposeAsync() => await HostProgram.RunAsync("umount", ["--lazy", Path], CancellationToken.None);
}
