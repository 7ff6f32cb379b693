using System.Text;
using IsolatedAgents.Supervisor.Interop;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>Reads what a system call's pointers point to. Everything here was chosen by the agent, and every length is bounded.</summary>
internal static unsafe class AgentMemory
{
    // include/uapi/linux/limits.h: PATH_MAX
    private const int MaxPath = 4096;
    private const int PageSize = 4096;
    private const int MaxArguments = 64;
    private const int MaxCommandLine = 2048;

    /// <summary>Reads up to the end of <paramref name="buffer"/>. How many bytes are there; 0 where none can be read.</summary>
    public static int Read(int processId, ulong address, Span<byte> buffer)
    {
        fixed (byte* pointer = buffer)
        {
            MemoryRange local = new() { Address = (nuint)pointer, Length = (nuint)buffer.Length };
            MemoryRange remote = new() { Address = (nuint)address, Length = (nuint)buffer.Length };
            return (int)Math.Max(0, LibC.process_vm_readv(processId, &local, 1, &remote, 1, 0));
        }
    }

    /// <summary>A path, each of its bytes as one character; null where it cannot be read or is longer than the kernel takes.</summary>
    public static string? ReadPath(int processId, ulong address)
    {
        Span<byte> buffer = stackalloc byte[MaxPath];
        int length = ReadText(processId, address, buffer);
        return length < 0 || length == buffer.Length ? null : Encoding.Latin1.GetString(buffer[..length]);
    }

    /// <summary>A program's arguments, parted by blanks; cut where they are long.</summary>
    public static string ReadCommandLine(int processId, ulong array)
    {
        StringBuilder text = new();
        Span<byte> pointer = stackalloc byte[sizeof(ulong)];
        Span<byte> buffer = stackalloc byte[MaxCommandLine];
        for (int i = 0; i < MaxArguments && text.Length < MaxCommandLine; i++)
        {
            if (Read(processId, array + ((ulong)i * sizeof(ulong)), pointer) < pointer.Length || BitConverter.ToUInt64(pointer) is not (> 0 and ulong address))
            {
                return text.ToString();
            }

            int length = ReadText(processId, address, buffer);
            if (i > 0)
            {
                text.Append(' ');
            }

            text.Append(Encoding.Latin1.GetString(buffer[..Math.Max(0, length)]));
        }

        text.Length = Math.Min(text.Length, MaxCommandLine);
        return text.Append("...").ToString();
    }

    // The length up to the 0, or of the whole buffer where none comes; -1 where it cannot be read. Page by page, since the next one may not be there.
    private static int ReadText(int processId, ulong address, Span<byte> buffer)
    {
        int filled = 0;
        while (filled < buffer.Length)
        {
            int toPageEnd = PageSize - (int)((address + (ulong)filled) % PageSize);
            Span<byte> part = buffer[filled..Math.Min(buffer.Length, filled + toPageEnd)];
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
