using System.Buffers.Binary;
using System.Net;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// The sandbox's TCP sockets, and whether a process still holds one: proc_net_tcp, Documentation/networking/proc_net_tcp.rst. A FIN does
/// not say that: a client that has ended and one that has only said all it had to say, and waits for the answer, send the same. But both
/// ends of the connection are this kernel's, so that the other one can be looked at.
/// </summary>
internal static class SocketTable
{
    // The table's columns: the own address, the other one, and the inode, which is 0 where no process holds the socket any more.
    private const int OwnColumn = 1;
    private const int OtherColumn = 2;
    private const int InodeColumn = 9;

    // ::ffff:0:0/96 as the table writes it. Clients of IPv6 reach addresses of IPv4 in this form.
    private const string Mapped = "0000000000000000FFFF0000";

    /// <summary>The name (<see cref="SocketName"/>) of the agent's end of an accepted connection; empty where it is gone already.</summary>
    public static unsafe string NameOf(int fd)
    {
        byte* address = stackalloc byte[EgressSocket.MaxAddress];
        int length = EgressSocket.MaxAddress;
        if (LibC.getpeername(fd, address, &length) < 0)
        {
            return "";
        }

        IPEndPoint agent = ReadAddress(new ReadOnlySpan<byte>(address, length));
        length = EgressSocket.MaxAddress;
        return LibC.getsockname(fd, address, &length) < 0 ? "" : SocketName.Of(agent, ReadAddress(new ReadOnlySpan<byte>(address, length)));
    }

    /// <summary>Whether a process holds the socket of a name; also where that cannot be found out.</summary>
    public static bool IsHeld(string name)
    {
        if (name.Split(' ') is not [var own, var other])
        {
            return false;
        }

        try
        {
            return Holds("/proc/self/net/tcp", own, other)
                || Holds("/proc/self/net/tcp6", own, other)
                || Holds("/proc/self/net/tcp6", Mapped + own, Mapped + other);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private static bool Holds(string table, string own, string other)
    {
        if (!File.Exists(table))
        {
            return false;
        }

        foreach (string line in File.ReadLines(table))
        {
            if (
                line.Contains(own, StringComparison.Ordinal)
                && line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is { Length: > InodeColumn } columns
                && columns[OwnColumn] == own
                && columns[OtherColumn] == other
            )
            {
                return columns[InodeColumn] != "0";
            }
        }

        return false;
    }

    private static IPEndPoint ReadAddress(ReadOnlySpan<byte> name)
    {
        bool isIPv4 = BinaryPrimitives.ReadUInt16LittleEndian(name) == AddressFamilyInternet;
        return new IPEndPoint(
            new IPAddress(isIPv4 ? name.Slice(4, 4) : name.Slice(8, 16)),
            BinaryPrimitives.ReadUInt16BigEndian(name[EgressSocket.PortOffset..])
        );
    }
}
