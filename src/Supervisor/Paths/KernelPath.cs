using System.Runtime.CompilerServices;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Paths;

/// <summary>Asks the kernel about paths, without opening any file for its content.</summary>
internal static unsafe class KernelPath
{
    private static ReadOnlySpan<byte> ProcessFiles => "/proc"u8;

    private static ReadOnlySpan<byte> Deleted => " (deleted)"u8;

    /// <summary>
    /// Opens a path, which ends with a 0, to hold it or to look at it; a negative number, and the last error, where that cannot be.
    /// </summary>
    public static int Open(ReadOnlySpan<byte> path, int flags, ulong resolve)
    {
        OpenHow how = new() { Flags = (ulong)(uint)(OpenPath | OpenCloseOnExec | flags), Resolve = resolve };
        fixed (byte* pointer = path)
        {
            return (int)LibC.syscall(SystemCallOpenAt2, CurrentDirectory, (nint)pointer, (nint)(&how), sizeof(OpenHow));
        }
    }

    /// <summary>The kind of entry that a descriptor has open.</summary>
    public static PathKind KindOf(int fd)
    {
        FileStatus status;
        return LibC.fstat(fd, &status) < 0 ? PathKind.Missing : KindOf(in status);
    }

    /// <summary>
    /// Finds the kind of entry that a folder has under a name, which ends with a 0; null, and the last error, where the kernel does not
    /// say. No link is followed.
    /// </summary>
    public static PathKind? KindOf(int folder, ReadOnlySpan<byte> name)
    {
        FileStatus status;
        fixed (byte* pointer = name)
        {
            return LibC.fstatat(folder, pointer, &status, NoFollow) < 0 ? null : KindOf(in status);
        }
    }

    /// <summary>
    /// Reads where a link leads, or what one of a process's own links stands for. False, and the last error, where it is no link.
    /// </summary>
    /// <param name="link">With a 0 behind it.</param>
    /// <param name="target">Takes it.</param>
    public static bool TryReadLink(ReadOnlySpan<byte> link, PathBuffer target) => TryReadLink(CurrentDirectory, link, target);

    /// <summary>The same from a folder that is open.</summary>
    [SkipLocalsInit]
    public static bool TryReadLink(int folder, ReadOnlySpan<byte> link, PathBuffer target)
    {
        Span<byte> buffer = stackalloc byte[AgentMemory.MaxPath];
        fixed (byte* pointer = link)
        fixed (byte* place = buffer)
        {
            int length = (int)LibC.readlinkat(folder, pointer, place, (nuint)buffer.Length);
            if (length < 0)
            {
                return false;
            }

            target.Clear();
            target.Append(buffer[..length]);
            return true;
        }
    }

    /// <summary>The path of what this process holds open. False where it has none any more.</summary>
    public static bool TryRead(int fd, PathBuffer path) =>
        TryReadOwn(fd, path) && path.Bytes is [(byte)'/', ..] && !path.Bytes.EndsWith(Deleted);

    /// <summary>Reads the link of one of this process's descriptors, which may be no path.</summary>
    public static bool TryReadOwn(int fd, PathBuffer text)
    {
        Span<byte> link = stackalloc byte[32];
        Format("/proc/self/fd/"u8, fd, default, default, link);
        return TryReadLink(link, text);
    }

    /// <summary>Whether a path lies in the process file system, where one path is another for each process.</summary>
    public static bool IsOfProcess(ReadOnlySpan<byte> path) =>
        path.StartsWith(ProcessFiles) && (path.Length == ProcessFiles.Length || path[ProcessFiles.Length] == '/');

    /// <summary>Puts together a path with numbers in it, and a 0 behind it.</summary>
    public static void Format(ReadOnlySpan<byte> start, int number, ReadOnlySpan<byte> middle, int? last, Span<byte> path)
    {
        start.CopyTo(path);
        int filled = start.Length;
        filled += Write(number, path[filled..]);
        middle.CopyTo(path[filled..]);
        filled += middle.Length;
        filled += last is { } value ? Write(value, path[filled..]) : 0;
        path[filled] = 0;
    }

    private static int Write(int number, Span<byte> place)
    {
        _ = System.Buffers.Text.Utf8Formatter.TryFormat(number, place, out int written);
        return written;
    }

    private static PathKind KindOf(in FileStatus status) =>
        (status.Mode & TypeMask) switch
        {
            TypeRegular => PathKind.File,
            TypeDirectory => PathKind.Folder,
            TypeLink => PathKind.Link,
            _ => PathKind.Special,
        };
}
