using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Platform.Files;

/// <summary>
/// Makes links below a folder of which no way leads out: openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, symlinkat(2). Linux 5.6
/// and later.
/// </summary>
internal static partial class BeneathOpener
{
    // include/uapi/asm-generic/unistd.h: the same on every architecture.
    private const int OpenAt2 = 437;

    // include/uapi/asm-generic/fcntl.h, include/uapi/linux/fcntl.h, include/uapi/linux/openat2.h.
    private const int CurrentDirectory = -100;
    private const ulong PathOnly = 0x200000;
    private const ulong Folder = 0x10000;
    private const ulong CloseOnExec = 0x80000;
    private const ulong NoFollow = 0x20000;
    private const ulong NoSymbolicLinks = 0x04;
    private const ulong Beneath = 0x08;

    /// <summary>Whether this kernel has it, and lets this process use it.</summary>
    public static bool IsSupported { get; } = Probe();

    /// <summary>Makes a link below a folder, whose target is there and is reached by no other link.</summary>
    /// <param name="root">Absolute path of the folder.</param>
    /// <param name="path">Of the link, below it.</param>
    /// <param name="target">What the link is to hold.</param>
    /// <param name="end">What that is, below the folder.</param>
    /// <exception cref="IOException">It cannot be made, or would not lead there.</exception>
    public static void MakeLink(string root, string path, string target, string end)
    {
        using SafeFileHandle folder = Open(CurrentDirectory, root, PathOnly | Folder | CloseOnExec, 0) ?? throw Failure(root);
        using SafeFileHandle aim = Open(folder, end, PathOnly | NoFollow | CloseOnExec) ?? throw Failure(end);
        int slash = path.LastIndexOf('/');
        using SafeFileHandle? above =
            slash < 0 ? null : Open(folder, path[..slash], PathOnly | Folder | CloseOnExec) ?? throw Failure(path);
        if (symlinkat(target, above ?? folder, path[(slash + 1)..]) != 0)
        {
            throw Failure(path);
        }
    }

    private static IOException Failure(string path) => new($"'{path}': {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    private static bool Probe()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        using SafeFileHandle? root = Open(CurrentDirectory, "/", PathOnly | Folder | CloseOnExec, NoSymbolicLinks);
        return root is not null;
    }

    private static SafeFileHandle? Open(SafeFileHandle folder, string path, ulong flags)
    {
        bool isHeld = false;
        try
        {
            folder.DangerousAddRef(ref isHeld);
            return Open((int)folder.DangerousGetHandle(), path, flags, Beneath | NoSymbolicLinks);
        }
        finally
        {
            if (isHeld)
            {
                folder.DangerousRelease();
            }
        }
    }

    private static SafeFileHandle? Open(int folder, string path, ulong flags, ulong resolve)
    {
        // struct open_how
        ulong[] how = [flags, 0, resolve];
        nint fd = syscall(OpenAt2, folder, path, how, how.Length * sizeof(ulong));
        return fd < 0 ? null : new SafeFileHandle(fd, ownsHandle: true);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint syscall(nint number, nint folder, string path, ulong[] how, nint length);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int symlinkat(string target, SafeFileHandle folder, string path);
}
