using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Platform.Files;

/// <summary>Asks the kernel about an open descriptor: statx(2) and fcntl(2). Linux.</summary>
internal static partial class DescriptorStatus
{
    // include/uapi/linux/fcntl.h, include/uapi/asm-generic/fcntl.h: AT_EMPTY_PATH, F_GETFL, O_ACCMODE; O_RDONLY is 0. O_PATH is the same
    // everywhere but on alpha, parisc and sparc.
    private const int EmptyPath = 0x1000;
    private const int GetStatusFlags = 3;
    private const int AccessMode = 3;
    private const int PathOnly = 0x200000;

    // STATX_TYPE | STATX_SIZE, and where struct statx (include/uapi/linux/stat.h) keeps them in its 256 bytes.
    private const uint Mask = 0x1 | 0x200;
    private const int ModeOffset = 28;
    private const int SizeOffset = 40;
    private const int StatusLength = 256;

    // S_IFMT and S_IFREG, include/uapi/linux/stat.h.
    private const int TypeMask = 0xF000;
    private const int RegularFile = 0x8000;

    /// <summary>The size of a regular file that can be read and not written; null where it is anything else.</summary>
    public static long? RegularSize(SafeFileHandle descriptor)
    {
        byte[] status = new byte[StatusLength];
        int flags = fcntl(descriptor, GetStatusFlags);
        bool isRegular =
            flags >= 0
            && (flags & (AccessMode | PathOnly)) == 0
            && statx(descriptor, "", EmptyPath, Mask, status) == 0
            && (BitConverter.ToUInt16(status, ModeOffset) & TypeMask) == RegularFile;
        return isRegular ? BitConverter.ToInt64(status, SizeOffset) : null;
    }

    [LibraryImport("libc")]
    private static partial int fcntl(SafeFileHandle descriptor, int command);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(SafeFileHandle directory, string path, int flags, uint mask, [Out] byte[] status);
}
