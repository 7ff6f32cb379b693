using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Interop;

/// <summary>
/// A descriptor by which one thread wakes another that polls: eventfd(2). It does not block, and no program that is started has it.
/// </summary>
internal static class WakeEvent
{
    /// <exception cref="KernelException">The kernel gives none.</exception>
    public static int Create()
    {
        int fd = LibC.eventfd(0, OpenNonBlocking | OpenCloseOnExec);
        KernelException.ThrowIfFailed("eventfd", fd);
        return fd;
    }

    /// <summary>Wakes whoever polls.</summary>
    public static void Set(int fd)
    {
        ReadOnlySpan<byte> one = [1, 0, 0, 0, 0, 0, 0, 0];
        _ = Descriptor.Write(fd, one);
    }

    /// <summary>Has the next poll wait again.</summary>
    public static void Reset(int fd) => _ = Descriptor.Read(fd, stackalloc byte[sizeof(ulong)]);
}
