using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>Internet sockets by descriptor.</summary>
internal static unsafe class EgressSocket
{
    /// <summary>Room for any address: struct sockaddr_in6, include/uapi/linux/in6.h.</summary>
    public const int MaxAddress = 28;

    /// <summary>struct sockaddr_in and sockaddr_in6 hold the port at the same place.</summary>
    public const int PortOffset = 2;

    private const int AddressLength = 16;
    private const int Backlog = 4096;

    /// <summary>A socket that is bound, does not block and closes on exec; and listens where it is a stream's.</summary>
    /// <returns>The descriptor, or the negative error number.</returns>
    public static int Bind(IPAddress address, int port, int type)
    {
        bool isIPv4 = address.AddressFamily == AddressFamily.InterNetwork;
        int fd = LibC.socket(isIPv4 ? AddressFamilyInternet : AddressFamilyInternet6, type | OpenNonBlocking | OpenCloseOnExec, 0);
        if (fd < 0)
        {
            // A kernel without this family.
            return -Marshal.GetLastPInvokeError();
        }

        // An address of a range is local without being the interface's own.
        SetOption(fd, isIPv4 ? InternetLevel : Internet6Level, isIPv4 ? InternetFreeBind : Internet6FreeBind);
        AllowReuse(fd);
        // Urgent bytes stay in their place in the stream, so that they can be told apart and passed on as such; connections take it over.
        SetOption(fd, SocketLevel, SocketUrgentInline);
        if (type == SocketStream)
        {
            // What a server sends in small pieces, such as a model's words, is not held back until the agent has taken the last one;
            // connections take it over.
            SetOption(fd, ProtocolTcp, TcpNoDelay);
        }

        Span<byte> name = stackalloc byte[MaxAddress];
        int length = Write(name, address, port);
        int result;
        fixed (byte* pointer = name)
        {
            result = LibC.bind(fd, pointer, length);
        }

        if (result == 0 && type == SocketStream)
        {
            result = LibC.listen(fd, Backlog);
        }

        if (result < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            LibC.close(fd);
            return -error;
        }

        return fd;
    }

    /// <summary>Takes the next connection, which does not block and closes on exec; negative where there is none.</summary>
    public static int Accept(int fd) => LibC.accept4(fd, null, null, OpenNonBlocking | OpenCloseOnExec);

    /// <summary>The port that a socket is bound to.</summary>
    public static int PortOf(int fd)
    {
        byte* name = stackalloc byte[MaxAddress];
        int length = MaxAddress;
        KernelException.ThrowIfFailed("getsockname", LibC.getsockname(fd, name, &length));
        return BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(name + PortOffset, sizeof(ushort)));
    }

    /// <summary>
    /// Whether the next byte is one that was sent as urgent. To be asked when there is something to read: what is there does not become
    /// urgent any more. A read never goes past such a byte's place.
    /// </summary>
    public static bool IsAtUrgent(int fd)
    {
        int isAtMark = 0;
        return LibC.ioctl(fd, SocketIsAtMark, &isAtMark) == 0 && isAtMark != 0;
    }

    /// <summary>Closes a connection so that its other end sees a reset.</summary>
    public static void Reset(int fd)
    {
        // struct linger, include/linux/socket.h: on, and for no time.
        long linger = 1;
        _ = LibC.setsockopt(fd, SocketLevel, SocketLinger, &linger, sizeof(long));
        LibC.close(fd);
    }

    /// <summary>Lets a socket be bound beside others that allow it, unless both listen.</summary>
    public static void AllowReuse(int fd) => SetOption(fd, SocketLevel, SocketReuseAddress);

    private static void SetOption(int fd, int level, int option)
    {
        int on = 1;
        KernelException.ThrowIfFailed("setsockopt", LibC.setsockopt(fd, level, option, &on, sizeof(int)));
    }

    // struct sockaddr_in, include/uapi/linux/in.h; struct sockaddr_in6, include/uapi/linux/in6.h
    private static int Write(Span<byte> name, IPAddress address, int port)
    {
        name.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(name[2..], (ushort)port);
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            name[0] = AddressFamilyInternet;
            address.TryWriteBytes(name[4..], out _);
            return AddressLength;
        }

        name[0] = AddressFamilyInternet6;
        address.TryWriteBytes(name[8..], out _);
        return MaxAddress;
    }
}
