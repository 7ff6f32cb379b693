using System.Runtime.InteropServices;
using System.Text;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Interop;

/// <summary>File descriptors in the terms of spans, with the kernel's error numbers kept as they are.</summary>
internal static unsafe class Descriptor
{
    /// <summary>Reads once. The count, 0 at the end, or the negative error number.</summary>
    public static int Read(int fd, Span<byte> buffer)
    {
        fixed (byte* pointer = buffer)
        {
            nint count;
            do
            {
                count = LibC.read(fd, pointer, (nuint)buffer.Length);
            } while (count < 0 && Marshal.GetLastPInvokeError() == Interrupted);
            return count < 0 ? -Marshal.GetLastPInvokeError() : (int)count;
        }
    }

    /// <summary>Writes once. The count, or the negative error number.</summary>
    public static int Write(int fd, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* pointer = buffer)
        {
            nint count;
            do
            {
                count = LibC.write(fd, pointer, (nuint)buffer.Length);
            } while (count < 0 && Marshal.GetLastPInvokeError() == Interrupted);
            return count < 0 ? -Marshal.GetLastPInvokeError() : (int)count;
        }
    }

    /// <summary>Sends one byte as urgent: tcp(7), MSG_OOB. 1, or the negative error number.</summary>
    public static int SendUrgent(int socket, ReadOnlySpan<byte> one)
    {
        fixed (byte* pointer = one)
        {
            nint count;
            do
            {
                count = LibC.sendto(socket, pointer, 1, MessageOutOfBand | MessageNoSignal, null, 0);
            } while (count < 0 && Marshal.GetLastPInvokeError() == Interrupted);
            return count < 0 ? -Marshal.GetLastPInvokeError() : (int)count;
        }
    }

    /// <summary>
    /// Sends once, over a Unix socket, and a descriptor with the first byte: unix(7), SCM_RIGHTS. The count, or the negative error number.
    /// </summary>
    public static int Send(int socket, ReadOnlySpan<byte> bytes, int fd)
    {
        fixed (byte* pointer = bytes)
        {
            MemoryRange range = new() { Address = (nuint)pointer, Length = (nuint)bytes.Length };
            // CMSG_LEN: the header and one int, and not what pads it.
            DescriptorMessage control = new()
            {
                Length = (nuint)(sizeof(DescriptorMessage) - sizeof(int)),
                Level = SocketLevel,
                Type = RightsMessage,
                Fd = fd,
            };
            SocketMessage header = new()
            {
                Ranges = &range,
                RangeCount = 1,
                Control = &control,
                ControlLength = (nuint)sizeof(DescriptorMessage),
            };
            nint count;
            do
            {
                count = LibC.sendmsg(socket, &header, MessageNoSignal);
            } while (count < 0 && Marshal.GetLastPInvokeError() == Interrupted);
            return count < 0 ? -Marshal.GetLastPInvokeError() : (int)count;
        }
    }

    /// <summary>Writes all of it to a blocking descriptor.</summary>
    public static void WriteAll(int fd, ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            int count = Write(fd, buffer);
            if (count < 0)
            {
                throw new KernelException("write", -count);
            }

            buffer = buffer[count..];
        }
    }

    /// <summary>Reads a blocking descriptor to its end.</summary>
    public static byte[] ReadToEnd(int fd)
    {
        byte[] buffer = new byte[64 * 1024];
        int filled = 0;
        int count;
        while ((count = Read(fd, buffer.AsSpan(filled))) > 0)
        {
            filled += count;
            if (filled == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length * 2);
            }
        }

        return count == 0 ? buffer[..filled] : throw new KernelException("read", -count);
    }

    public static void SetNonBlocking(int fd)
    {
        int flags = LibC.fcntl(fd, GetStatusFlags, 0);
        KernelException.ThrowIfFailed("fcntl", LibC.fcntl(fd, SetStatusFlags, flags | OpenNonBlocking));
    }

    /// <summary>A pipe whose ends close on exec.</summary>
    public static (int Read, int Write) CreatePipe()
    {
        int* ends = stackalloc int[2];
        KernelException.ThrowIfFailed("pipe2", LibC.pipe2(ends, OpenCloseOnExec));
        return (ends[0], ends[1]);
    }

    /// <summary>Waits until one descriptor is ready or the time is over; a negative descriptor is passed over.</summary>
    public static void Poll(Span<PollDescriptor> descriptors, int timeoutMilliseconds)
    {
        fixed (PollDescriptor* pointer = descriptors)
        {
            if (LibC.poll(pointer, (nuint)descriptors.Length, timeoutMilliseconds) < 0 && Marshal.GetLastPInvokeError() != Interrupted)
            {
                throw new KernelException("poll", Marshal.GetLastPInvokeError());
            }
        }
    }

    /// <summary>The bytes of a path, ended by 0, as the kernel takes it.</summary>
    public static byte[] PathBytes(string path) => [.. Encoding.UTF8.GetBytes(path), 0];
}
