using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace IsolatedAgents.Platform.Sockets;

/// <summary>Takes descriptors that another process hands over: unix(7), SCM_RIGHTS. Linux on 64 bits.</summary>
internal static unsafe partial class DescriptorPassing
{
    // include/linux/socket.h, include/uapi/asm-generic/errno-base.h
    private const int CloseOnExec = 0x40000000;
    private const int DoNotWait = 0x40;
    private const int SocketLevel = 1;
    private const int RightsMessage = 1;
    private const int Interrupted = 4;
    private const int TryAgain = 11;

    /// <summary>Receives what is there, without waiting.</summary>
    /// <param name="socket">A Unix stream socket.</param>
    /// <param name="buffer">For the bytes.</param>
    /// <param name="descriptor">The descriptor that came with them, now this process's to close; -1 where none did.</param>
    /// <returns>Bytes received; 0 at the end; -1 where nothing is there.</returns>
    /// <exception cref="SocketException">The connection is broken.</exception>
    public static int Receive(SafeSocketHandle socket, Span<byte> buffer, out int descriptor)
    {
        descriptor = -1;
        bool isHeld = false;
        try
        {
            socket.DangerousAddRef(ref isHeld);
            fixed (byte* bytes = buffer)
            {
                Range range = new() { Address = (nuint)bytes, Length = (nuint)buffer.Length };
                Rights rights = default;
                Message message = new()
                {
                    Ranges = &range,
                    RangeCount = 1,
                    Control = &rights,
                    ControlLength = (nuint)sizeof(Rights),
                };
                nint count;
                do
                {
                    count = recvmsg((int)socket.DangerousGetHandle(), &message, CloseOnExec | DoNotWait);
                } while (count < 0 && Marshal.GetLastPInvokeError() == Interrupted);
                if (count < 0)
                {
                    int error = Marshal.GetLastPInvokeError();
                    return error == TryAgain ? -1 : throw new SocketException(error);
                }

                if (message.ControlLength >= (nuint)(sizeof(Rights) - sizeof(int)) && rights is { Level: SocketLevel, Type: RightsMessage })
                {
                    descriptor = rights.Fd;
                }

                return (int)count;
            }
        }
        finally
        {
            if (isHeld)
            {
                socket.DangerousRelease();
            }
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(int fd, Message* message, int flags);

    /// <summary>struct iovec, include/uapi/linux/uio.h</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Range
    {
        public nuint Address;
        public nuint Length;
    }

    /// <summary>struct user_msghdr, include/linux/socket.h</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public void* Name;
        public int NameLength;
        public Range* Ranges;
        public nuint RangeCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct cmsghdr with room for one descriptor, include/linux/socket.h; the kernel closes what has no room</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Rights
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int Fd;
        public int Padding;
    }
}
