using IsolatedAgents.Supervisor.Interop;

namespace IsolatedAgents.Supervisor.Paths;

/// <summary>Reads what a system call's pointers point to. Everything here was chosen by the agent, and every length is bounded.</summary>
internal static unsafe class AgentMemory
{
    // include/uapi/linux/limits.h: PATH_MAX
    public const int MaxPath = 4096;

    /// <summary>Most bytes of a command line that are told, with the points that stand for the rest.</summary>
    public const int MaxCommandLine = 2048;

    private const int PageSize = 4096;
    private const int MaxArguments = 64;

    // Most paths are shorter, and to copy a whole page takes longer.
    private const int TypicalPath = 256;

    private static ReadOnlySpan<byte> Cut => "..."u8;

    /// <summary>Reads up to the end of <paramref name="buffer"/>. How many bytes are there; 0 where none can be read.</summary>
    public static int Read(int processId, ulong address, Span<byte> buffer)
    {
        fixed (byte* pointer = buffer)
        {
            // A range is copied as a whole or not at all, and what lies behind the end of a page may not be there.
            int toPageEnd = PageSize - (int)(address % PageSize);
            MemoryRange local = new() { Address = (nuint)pointer, Length = (nuint)buffer.Length };
            MemoryRange* remote = stackalloc MemoryRange[2];
            remote[0] = new() { Address = (nuint)address, Length = (nuint)Math.Min(buffer.Length, toPageEnd) };
            remote[1] = new() { Address = (nuint)(address + (ulong)toPageEnd), Length = (nuint)Math.Max(0, buffer.Length - toPageEnd) };
            return (int)Math.Max(0, LibC.process_vm_readv(processId, &local, 1, remote, buffer.Length > toPageEnd ? 2u : 1, 0));
        }
    }

    /// <summary>
    /// Reads a path. Its length; -1 where it cannot be read or is longer than <paramref name="buffer"/>, which holds the longest that the
    /// kernel takes.
    /// </summary>
    public static int ReadPath(int processId, ulong address, Span<byte> buffer)
    {
        int length = ReadText(processId, address, buffer);
        return length == buffer.Length ? -1 : length;
    }

    /// <summary>
    /// A program's arguments, parted by blanks; cut where they are long. Their length in <paramref name="buffer"/>, which holds
    /// <see cref="MaxCommandLine"/> bytes.
    /// </summary>
    public static int ReadCommandLine(int processId, ulong array, Span<byte> buffer)
    {
        Span<byte> text = buffer[..(MaxCommandLine - Cut.Length)];
        Span<byte> pointer = stackalloc byte[sizeof(ulong)];
        int filled = 0;
        for (int i = 0; i < MaxArguments && filled < text.Length; i++)
        {
            if (
                Read(processId, array + ((ulong)i * sizeof(ulong)), pointer) < pointer.Length
                || BitConverter.ToUInt64(pointer) is not (> 0 and ulong address)
            )
            {
                return filled;
            }

            if (i > 0)
            {
                text[filled++] = (byte)' ';
            }

            filled += Math.Max(0, ReadText(processId, address, text[filled..]));
        }

        Cut.CopyTo(buffer[filled..]);
        return filled + Cut.Length;
    }

    // The length up to the 0, or of the whole buffer where none comes; -1 where it cannot be read.
    private static int ReadText(int processId, ulong address, Span<byte> buffer)
    {
        int filled = 0;
        while (filled < buffer.Length)
        {
            Span<byte> part = buffer[filled..(filled == 0 ? Math.Min(buffer.Length, TypicalPath) : buffer.Length)];
            int count = Read(processId, address + (ulong)filled, part);
            if (count == 0)
            {
                return -1;
            }

            int end = part[..count].IndexOf((byte)0);
            if (end >= 0)
            {
                return filled + end;
            }

            filled += count;
        }

        return filled;
    }
}
