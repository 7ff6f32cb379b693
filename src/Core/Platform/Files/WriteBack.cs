using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Platform.Files;

/// <summary>Has the kernel begin early with what must be on the disk at the end.</summary>
internal static partial class WriteBack
{
    // include/uapi/linux/fs.h: SYNC_FILE_RANGE_WRITE
    private const uint StartWriting = 2;

    /// <summary>
    /// Starts to write a part of a file to its disk, and does not wait for it: sync_file_range(2). It promises nothing; whether all of it
    /// got there, the flush at the end says. Nothing where this system has no such call.
    /// </summary>
    public static void Begin(SafeFileHandle file, long offset, long length)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = sync_file_range(file, offset, length, StartWriting);
        }
    }

    [LibraryImport("libc")]
    private static partial int sync_file_range(SafeFileHandle file, long offset, long length, uint flags);
}
