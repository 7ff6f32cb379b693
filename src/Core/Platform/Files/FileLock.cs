using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Platform.Files;

/// <summary>The exclusive lock of a file, with a wait for it: the framework's own either takes a lock at once or fails.</summary>
internal static partial class FileLock
{
    // fcntl.h: O_RDWR, O_CREAT, O_CLOEXEC; sys/file.h: LOCK_EX, LOCK_NB; errno.h: EINTR.
    private const int ReadWrite = 0x2;
    private const int Create = 0x40;
    private const int CloseOnExec = 0x80000;
    private const int Exclusive = 2;
    private const int NonBlocking = 4;
    private const int Interrupted = 4;

    // 0666, of which the user's mask takes away.
    private const uint Mode = 0x1B6;

    /// <summary>Opens or makes a file, without a lock.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static SafeFileHandle Open(string path)
    {
        SafeFileHandle handle = open(path, ReadWrite | Create | CloseOnExec, Mode);
        if (handle.IsInvalid)
        {
            int error = Marshal.GetLastPInvokeError();
            handle.Dispose();
            throw new IOException($"{Marshal.GetPInvokeErrorMessage(error)}.");
        }

        return handle;
    }

    /// <summary>Whether the lock could be had at once.</summary>
    public static bool TryTake(SafeFileHandle file) => flock(file, Exclusive | NonBlocking) == 0;

    /// <summary>Waits for the lock. Ends with the process, or when the holder lets go.</summary>
    /// <exception cref="IOException">The file cannot be locked.</exception>
    public static void Take(SafeFileHandle file)
    {
        while (flock(file, Exclusive) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != Interrupted)
            {
                throw new IOException($"{Marshal.GetPInvokeErrorMessage(error)}.");
            }
        }
    }

    /// <summary>The process that holds the lock, by number and command line, as the kernel's list says; null where it does not.</summary>
    public static string? Holder(string path)
    {
        string inode = $":{FileIdentity.Inode(path).ToString(CultureInfo.InvariantCulture)} ";
        try
        {
            // "7: FLOCK  ADVISORY  WRITE 4711 fe:01:262530 0 EOF"; those that wait have an arrow in front.
            foreach (string line in File.ReadLines("/proc/locks"))
            {
                if (
                    line.Contains(inode, StringComparison.Ordinal)
                    && line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, "FLOCK", _, _, string process, ..]
                )
                {
                    return $"process {process}{CommandOf(process)}";
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // This system keeps no such list.
        }

        return null;
    }

    private static string CommandOf(string process)
    {
        try
        {
            const int MaxLength = 120;
            string command = Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{process}/cmdline")).Replace('\0', ' ').Trim();
            return command.Length == 0 ? "" : $" ({(command.Length > MaxLength ? command[..MaxLength] + "…" : command)})";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle open(string path, int flags, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(SafeFileHandle file, int operation);
}
