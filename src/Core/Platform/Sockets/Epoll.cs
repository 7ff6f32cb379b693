using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace IsolatedAgents.Platform.Sockets;

/// <summary>Asks the kernel to tell when sockets have something: epoll(7). Linux on 64 bits.</summary>
internal static unsafe partial class Epoll
{
    /// <summary>EPOLLIN, include/uapi/linux/eventpoll.h: it can be read without waiting.</summary>
    public const uint Readable = 0x001;

    /// <summary>EPOLLOUT: it can be written to without waiting; or its connection has failed.</summary>
    public const uint Writable = 0x004;

    /// <summary>EPOLLRDHUP: its other end sends nothing more, even if not all was read that it has sent.</summary>
    public const uint Ended = 0x2000;

    // include/uapi/linux/eventpoll.h
    private const int CloseOnExec = 0x80000;
    private const int AddOperation = 1;
    private const int RemoveOperation = 2;
    private const int ModifyOperation = 3;
    private const uint OneShot = 1U << 30;

    // include/uapi/asm-generic/errno-base.h
    private const int Interrupted = 4;

    // struct epoll_event, include/uapi/linux/eventpoll.h: packed on x86-64 alone.
    private static readonly int DataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? sizeof(uint) : sizeof(ulong);
    private static readonly int EventSize = DataOffset + sizeof(ulong);

    /// <summary>A new instance; negative where there can be none.</summary>
    public static int Create() => epoll_create1(CloseOnExec);

    /// <summary>Has it told once when a socket is as it is waited for, or is broken.</summary>
    /// <param name="epoll">The instance.</param>
    /// <param name="descriptor">The socket's. The kernel forgets it when it is closed.</param>
    /// <param name="key">What is given when it is told.</param>
    /// <param name="isNew">Whether it was never asked for before.</param>
    /// <param name="events">What is waited for.</param>
    /// <exception cref="SocketException">The kernel refuses.</exception>
    public static void Watch(int epoll, int descriptor, ulong key, bool isNew, uint events)
    {
        byte* change = stackalloc byte[EventSize];
        *(uint*)change = events | OneShot;
        *(ulong*)(change + DataOffset) = key;
        if (epoll_ctl(epoll, isNew ? AddOperation : ModifyOperation, descriptor, change) < 0)
        {
            throw new SocketException(Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Tells nothing more of a socket, which then counts as one that was never asked for.</summary>
    public static void Forget(int epoll, int descriptor) => _ = epoll_ctl(epoll, RemoveOperation, descriptor, null);

    /// <summary>Waits until something is told.</summary>
    /// <param name="epoll">The instance.</param>
    /// <param name="keys">For the keys of what is told.</param>
    /// <returns>How many keys there are; 0 where a signal came.</returns>
    public static int Wait(int epoll, Span<ulong> keys)
    {
        byte* events = stackalloc byte[EventSize * keys.Length];
        int count = epoll_wait(epoll, events, keys.Length, -1);
        if (count < 0)
        {
            return Marshal.GetLastPInvokeError() == Interrupted ? 0 : throw new SocketException(Marshal.GetLastPInvokeError());
        }

        for (int i = 0; i < count; i++)
        {
            keys[i] = *(ulong*)(events + (i * EventSize) + DataOffset);
        }

        return count;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, int fd, void* change);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epoll, void* events, int count, int timeoutMilliseconds);
}
