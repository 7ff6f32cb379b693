using System.Buffers.Binary;
using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Outputs;

/// <summary>
/// Walks the output folder by descriptors, never by path, so that no link is ever followed. Runs with the agent's file-system identity:
/// what it could not read, the supervisor does not read either.
/// </summary>
internal sealed unsafe class OutputFolder
{
    private const int MaxDepth = 32;
    private const uint OwnerAll = 0x1C0;

    // stat(2): whatever the file system's own blocks are.
    private const long DiskBlock = 512;
    private const uint OwnerExecute = 0x40;

    private readonly Func<OutputEntry, bool> _meet;
    private int _entriesLeft;

    private OutputFolder(int maxEntries, Func<OutputEntry, bool> meet)
    {
        _entriesLeft = maxEntries;
        _meet = meet;
    }

    /// <summary>Folders deeper than this are not walked.</summary>
    private int DepthLimit { get; init; } = MaxDepth;

    /// <summary>Whether files are met open.</summary>
    private bool OpensFiles { get; init; } = true;

    /// <summary>Whether it is read where links lead.</summary>
    private bool ReadsLinks { get; init; }

    /// <summary>Says of an entry, which is not open, that it need not be met.</summary>
    private Predicate<OutputEntry>? IsPassed { get; init; }

    /// <summary>Meets every entry as <see cref="Walk"/> does, without opening any file.</summary>
    public static bool Measure(string path, int maxEntries, Func<OutputEntry, bool> meet) =>
        new OutputFolder(maxEntries, meet) { OpensFiles = false }.WalkFrom(path);

    /// <summary>
    /// Meets every entry that is not a folder, in the order of their names' bytes, until <paramref name="meet"/> says stop.
    /// <see langword="false"/> where it said so, or where there are more than <paramref name="maxEntries"/> entries, folders included.
    /// An entry that <paramref name="isPassed"/> holds of is neither opened nor met.
    /// </summary>
    public static bool Walk(
        string path,
        int maxEntries,
        Func<OutputEntry, bool> meet,
        int maxDepth = MaxDepth,
        Predicate<OutputEntry>? isPassed = null
    ) => new OutputFolder(maxEntries, meet) { DepthLimit = maxDepth, IsPassed = isPassed }.WalkFrom(path);

    /// <summary>Meets every entry as <see cref="Walk"/> does, without opening any file, and with the targets of links.</summary>
    public static bool List(string path, int maxEntries, Func<OutputEntry, bool> meet, int maxDepth, Predicate<OutputEntry> isPassed) =>
        new OutputFolder(maxEntries, meet)
        {
            DepthLimit = maxDepth,
            IsPassed = isPassed,
            OpensFiles = false,
            ReadsLinks = true,
        }.WalkFrom(path);

    /// <summary>Adds sizes an agent chose, which may be as large as a number can be.</summary>
    public static long SaturatingAdd(long left, long right) => left > long.MaxValue - right ? long.MaxValue : left + right;

    private static int OpenRoot(string path)
    {
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            const int Flags = OpenReadOnly | OpenDirectory | OpenNoFollow | OpenCloseOnExec;
            int fd = LibC.open(pointer, Flags, 0);
            if (fd < 0 && Marshal.GetLastPInvokeError() == AccessDenied && LibC.chmod(pointer, OwnerAll) == 0)
            {
                // The folder may be the agent's own, to be left as it likes.
                fd = LibC.open(pointer, Flags, 0);
            }

            KernelException.ThrowIfFailed("open the output folder", fd);
            return fd;
        }
    }

    private bool WalkFrom(string path)
    {
        int root = OpenRoot(path);
        try
        {
            return WalkFolder(root, [], 0);
        }
        finally
        {
            LibC.close(root);
        }
    }

    private bool WalkFolder(int folder, byte[] prefix, int depth)
    {
        List<byte[]> names = ReadNames(folder, _entriesLeft);
        _entriesLeft -= names.Count;
        if (_entriesLeft < 0)
        {
            return false;
        }

        foreach (byte[] name in names)
        {
            byte[] path = prefix.Length == 0 ? name : [.. prefix, (byte)'/', .. name];
            if (!WalkEntry(folder, name, path, depth))
            {
                return false;
            }
        }

        return true;
    }

    private bool WalkEntry(int folder, byte[] name, byte[] path, int depth)
    {
        byte[] terminated = [.. name, 0];
        fixed (byte* pointer = terminated)
        {
            FileStatus status;
            if (LibC.fstatat(folder, pointer, &status, NoFollow) < 0)
            {
                return _meet(new OutputEntry(path, OutputEntryKind.Unreadable, 0, Executable: false, Fd: -1));
            }

            bool isFolder = (status.Mode & TypeMask) == TypeDirectory;
            OutputEntry entry = Describe(path, in status, isTooDeep: isFolder && depth >= DepthLimit);
            if (!isFolder && IsPassed?.Invoke(entry) == true)
            {
                return true;
            }

            if (entry.Kind != OutputEntryKind.File || !(isFolder || OpensFiles))
            {
                return _meet(
                    ReadsLinks && entry.Kind == OutputEntryKind.SymbolicLink ? entry with { Target = ReadTarget(folder, pointer) } : entry
                );
            }

            int fd = OpenEntry(folder, pointer, isFolder);
            if (fd < 0)
            {
                return _meet(entry with { Kind = OutputEntryKind.Unreadable, Size = isFolder ? 0 : entry.Size });
            }

            try
            {
                return isFolder ? WalkFolder(fd, path, depth + 1) : _meet(entry with { Fd = fd });
            }
            finally
            {
                LibC.close(fd);
            }
        }
    }

    // A folder that is to be walked is described as a file.
    private static OutputEntry Describe(byte[] path, in FileStatus status, bool isTooDeep)
    {
        OutputEntryKind kind = (status.Mode & TypeMask) switch
        {
            TypeDirectory => isTooDeep ? OutputEntryKind.TooDeep : OutputEntryKind.File,
            TypeRegular => OutputEntryKind.File,
            TypeLink => OutputEntryKind.SymbolicLink,
            _ => OutputEntryKind.SpecialFile,
        };
        bool isFile = kind == OutputEntryKind.File;
        return new OutputEntry(path, kind, isFile ? status.Size : 0, isFile && (status.Mode & OwnerExecute) != 0, Fd: -1)
        {
            DiskBytes = isFile ? status.Blocks * DiskBlock : 0,
            Stamp = new FileStamp(status.Inode, status.ChangedSeconds, status.ChangedNanoseconds),
        };
    }

    private static byte[] ReadTarget(int folder, byte* name)
    {
        const int MaxTargetLength = 4096;
        byte* buffer = stackalloc byte[MaxTargetLength];
        nint length = LibC.readlinkat(folder, name, buffer, MaxTargetLength);
        return length > 0 ? new ReadOnlySpan<byte>(buffer, (int)length).ToArray() : [];
    }

    private static int OpenEntry(int folder, byte* name, bool isFolder)
    {
        int flags = OpenReadOnly | OpenNoFollow | OpenNonBlocking | OpenCloseOnExec | (isFolder ? OpenDirectory : 0);
        int fd = LibC.openat(folder, name, flags, 0);
        if (fd < 0 && Marshal.GetLastPInvokeError() == AccessDenied && LibC.fchmodat(folder, name, OwnerAll, 0) == 0)
        {
            // An agent may leave its own files without permissions; their owner may still read them.
            fd = LibC.openat(folder, name, flags, 0);
        }

        return fd;
    }

    // One name more than asked for is enough to know that there are too many.
    private static List<byte[]> ReadNames(int folder, int limit)
    {
        // struct linux_dirent64, include/linux/dirent.h: inode 8, offset 8, record length 2, type 1, name.
        const int LengthOffset = 16;
        const int NameOffset = 19;
        List<byte[]> names = [];
        byte[] buffer = new byte[32 * 1024];
        fixed (byte* pointer = buffer)
        {
            int filled = 0;
            while (names.Count <= limit && (filled = (int)LibC.syscall(SystemCallGetDents64, folder, (nint)pointer, buffer.Length, 0)) > 0)
            {
                for (int offset = 0; offset < filled; )
                {
                    int length = BinaryPrimitives.ReadUInt16LittleEndian(buffer.AsSpan(offset + LengthOffset));
                    ReadOnlySpan<byte> name = buffer.AsSpan(offset + NameOffset, length - NameOffset);
                    name = name[..name.IndexOf((byte)0)];
                    if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                    {
                        names.Add(name.ToArray());
                    }

                    offset += length;
                }
            }

            KernelException.ThrowIfFailed("getdents64", filled);
        }

        names.Sort(static (left, right) => left.AsSpan().SequenceCompareTo(right));
        return names;
    }
}
