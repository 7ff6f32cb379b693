using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Egress;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>A socket of the agent's, shared for a look: pidfd_getfd(2).</summary>
internal readonly unsafe struct AgentSocket : IDisposable
{
    private const int ConnectMilliseconds = 1000;
    private const string ThreadGroup = "Tgid:";

    private AgentSocket(int fd)
    {
        Fd = fd;
    }

    /// <summary>The supervisor's own descriptor of it; negative where there is none.</summary>
    public int Fd { get; }

    /// <summary>
    /// Whether it speaks TCP, alone or over several paths; null where it is no socket, so that the kernel refuses the call by itself.
    /// </summary>
    public bool? IsTcp =>
        Fd < 0 || Option(SocketType) is not { } type
            ? null
            : type == SocketStream && Option(SocketProtocol) is ProtocolTcp or ProtocolMultipathTcp;

    /// <summary>Takes it out of the process that a thread belongs to.</summary>
    public static AgentSocket Take(int threadId, int fd)
    {
        int process = (int)LibC.syscall(SystemCallPidfdOpen, threadId, 0, 0, 0);
        if (process < 0 && FindProcess(threadId) is { } processId)
        {
            // The kernel knows processes by their first thread.
            process = (int)LibC.syscall(SystemCallPidfdOpen, processId, 0, 0, 0);
        }

        if (process < 0)
        {
            return new AgentSocket(-1);
        }

        int taken = (int)LibC.syscall(SystemCallPidfdGetDescriptor, process, fd, 0, 0);
        LibC.close(process);
        return new AgentSocket(taken);
    }

    /// <summary>
    /// Connects it, as the agent would: without waiting where it does not wait, and else for as long as a connection within this machine
    /// can take.
    /// </summary>
    /// <param name="destination">What the agent gave.</param>
    /// <param name="port">The port to connect to instead.</param>
    /// <returns>The error number; 0 where it is connected.</returns>
    public int Connect(ReadOnlySpan<byte> destination, int port)
    {
        Span<byte> address = stackalloc byte[EgressSocket.MaxAddress];
        int length = Math.Min(destination.Length, address.Length);
        destination[..length].CopyTo(address);
        BinaryPrimitives.WriteUInt16BigEndian(address[EgressSocket.PortOffset..], (ushort)port);
        int flags = LibC.fcntl(Fd, GetStatusFlags, 0);
        bool isWaiting = (flags & OpenNonBlocking) == 0;
        if (isWaiting)
        {
            LibC.fcntl(Fd, SetStatusFlags, flags | OpenNonBlocking);
        }

        int error;
        fixed (byte* pointer = address)
        {
            error = LibC.connect(Fd, pointer, length) < 0 ? Marshal.GetLastPInvokeError() : 0;
        }

        if (!isWaiting)
        {
            return error;
        }

        LibC.fcntl(Fd, SetStatusFlags, flags);
        return error == InProgress ? Await() : error;
    }

    public void Dispose()
    {
        if (Fd >= 0)
        {
            LibC.close(Fd);
        }
    }

    private int Await()
    {
        Span<PollDescriptor> descriptor = [new PollDescriptor { Fd = Fd, Events = PollOut }];
        Descriptor.Poll(descriptor, ConnectMilliseconds);
        return descriptor[0].Returned == 0 ? TimedOut : Option(SocketError) ?? ConnectionRefused;
    }

    private int? Option(int option)
    {
        int value;
        int length = sizeof(int);
        return LibC.getsockopt(Fd, SocketLevel, option, &value, &length) < 0 ? null : value;
    }

    // proc_pid_status(5)
    private static int? FindProcess(int threadId)
    {
        try
        {
            foreach (string line in File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{threadId}/status")))
            {
                if (line.StartsWith(ThreadGroup, StringComparison.Ordinal))
                {
                    return int.Parse(line.AsSpan(ThreadGroup.Length), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture);
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It has ended.
        }

        return null;
    }
}
