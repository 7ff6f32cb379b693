using System.Globalization;
using System.Runtime.InteropServices;

namespace IsolatedAgents.Platform.Files;

/// <summary>Tells a folder of this machine from one of the same name on another.</summary>
internal static partial class FileIdentity
{
    // statx(2): AT_FDCWD, STATX_TYPE | STATX_UID | STATX_GID | STATX_INO, and where struct statx (include/uapi/linux/stat.h) keeps them in
    // its 256 bytes.
    private const int CurrentDirectory = -100;
    private const uint Mask = 0x1 | 0x8 | 0x10 | 0x100;
    private const int UserOffset = 20;
    private const int GroupOffset = 24;
    private const int ModeOffset = 28;
    private const int InodeOffset = 32;
    private const int StatusLength = 256;

    // S_IFMT and S_IFREG, include/uapi/linux/stat.h.
    private const int TypeMask = 0xF000;
    private const int RegularFile = 0x8000;

    /// <summary>The inode of a file or folder; 0 where this system has none.</summary>
    public static long Inode(string path) => Status(path) is { } status ? BitConverter.ToInt64(status, InodeOffset) : 0;

    /// <summary>Whether something is there that is no file: a folder, a pipe, a device. False where this system does not tell.</summary>
    public static bool IsSpecial(string path) =>
        Status(path) is { } status && (BitConverter.ToUInt16(status, ModeOffset) & TypeMask) != RegularFile;

    /// <summary>The owner of a file or folder; null when this system has no such numbers.</summary>
    public static (int UserId, int GroupId)? Owner(string path) =>
        Status(path) is { } status ? (BitConverter.ToInt32(status, UserOffset), BitConverter.ToInt32(status, GroupOffset)) : null;

    /// <summary>Gives a file away, where this process may.</summary>
    public static bool TrySetOwner(string path, (int UserId, int GroupId) owner) =>
        OperatingSystem.IsLinux() && lchown(path, owner.UserId, owner.GroupId) == 0;

    /// <summary>The user whose rights over files this process has; -1 when this system has no such numbers.</summary>
    public static int CurrentUser() => OperatingSystem.IsLinux() ? geteuid() : -1;

    /// <summary>The inode of this process's network namespace; 0 where this system has none.</summary>
    public static long NetworkNamespace() => Namespace("/proc/self/ns/net");

    /// <summary>The inode of this process's namespace of process numbers; 0 where this system has none.</summary>
    public static long PidNamespace() => Namespace("/proc/self/ns/pid");

    // The kernel gives it as net:[4026531840].
    private static long Namespace(string path)
    {
        string? link = OperatingSystem.IsLinux() ? new FileInfo(path).LinkTarget : null;
        return
            link is not null
            && long.TryParse(link.AsSpan(5, link.Length - 6), NumberStyles.None, CultureInfo.InvariantCulture, out long inode)
            ? inode
            : 0;
    }

    private static byte[]? Status(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        byte[] status = new byte[StatusLength];
        return statx(CurrentDirectory, path, 0, Mask, status) == 0 ? status : null;
    }

    [LibraryImport("libc")]
    private static partial int geteuid();

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int lchown(string path, int userId, int groupId);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int directory, string path, int flags, uint mask, [Out] byte[] status);
}
