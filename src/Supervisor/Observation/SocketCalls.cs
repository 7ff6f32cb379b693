using System.Buffers.Binary;
using System.Net;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Egress;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Paths;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>
/// Judges calls that name a destination. The network namespace holds the allowed endpoints alone, so that nothing else is reached in any
/// case; here it is told, and refused at once.
/// </summary>
/// <param name="rules">Where sockets that have a path may be.</param>
/// <param name="gate">The way to the allowed endpoints.</param>
/// <param name="resolver">Finds the sockets that have a path.</param>
internal sealed unsafe class SocketCalls(FileRules rules, EgressGate gate, PathResolver resolver)
{
    private readonly PathBuffer _found = new();

    // struct sockaddr_storage, include/uapi/linux/socket.h
    private const int MaxAddress = 128;

    // struct msghdr, include/linux/socket.h: the address's pointer and length come first.
    private const int MessageHeaderStart = 16;

    // struct mmsghdr, include/linux/socket.h, on a 64-bit machine; UIO_MAXIOV, include/uapi/linux/uio.h: the kernel takes no more of them
    // at once.
    private const ulong MessageVectorStride = 64;
    private const ulong MaxMessages = 1024;

    private static readonly Dictionary<int, string> Families = new()
    {
        [1] = "AF_UNIX",
        [2] = "AF_INET",
        [10] = "AF_INET6",
        [16] = "AF_NETLINK",
        [17] = "AF_PACKET",
        [21] = "AF_RDS",
        [30] = "AF_TIPC",
        [38] = "AF_ALG",
        [40] = "AF_VSOCK",
        [44] = "AF_XDP",
    };

    /// <summary>A socket that the filter has found to be of no allowed kind.</summary>
    public static Judgement DenySocket(in SystemCallNotification call)
    {
        const int TypeBits = 0xF;
        int family = (int)call.Arguments[0];
        string subject =
            $"socket({Families.GetValueOrDefault(family) ?? $"family {family}"}, type {(int)call.Arguments[1] & TypeBits}, protocol {(int)call.Arguments[2]})";
        return Judgement.DenyCall(DenialReason.DeniedSocket, subject, AddressFamilyNotSupported);
    }

    public Judgement Judge(in SystemCallNotification call)
    {
        switch (call.Number)
        {
            case SystemCalls.Connect:
                return Judge(in call, call.Arguments[1], call.Arguments[2]);
            case SystemCalls.SendTo:
                return Judge(in call, call.Arguments[4], call.Arguments[5]);
            case SystemCalls.SendMessage:
                return JudgeMessage(in call, call.Arguments[1]);
            default:
                ulong count = Math.Min(call.Arguments[2], MaxMessages);
                for (ulong i = 0; i < count; i++)
                {
                    if (JudgeMessage(in call, call.Arguments[1] + (i * MessageVectorStride)) is { Error: not 0 } denied)
                    {
                        // The kernel would send the ones before it; all are refused, as the safer answer.
                        return denied;
                    }
                }

                return Judgement.Pass;
        }
    }

    /// <summary>A server of the agent's own gets its port, also where an endpoint has the same number.</summary>
    public Judgement JudgeBind(in SystemCallNotification call)
    {
        Span<byte> buffer = stackalloc byte[MaxAddress];
        if (!TryRead(in call, call.Arguments[1], call.Arguments[2], buffer, out ReadOnlySpan<byte> name))
        {
            return Judgement.Pass;
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(name) == AddressFamilyUnix)
        {
            return JudgeBindPath((int)call.ProcessId, name[sizeof(ushort)..]);
        }

        if (ReadAddress(name, isSend: false) is not { } address || !gate.Concerns(PortOf(name)))
        {
            return Judgement.Pass;
        }

        using AgentSocket socket = AgentSocket.Take((int)call.ProcessId, (int)call.Arguments[0]);
        if (socket.IsTcp == true)
        {
            gate.Yield(address, PortOf(name));
            // Connections to the endpoint still have the port, and are in nobody's way.
            EgressSocket.AllowReuse(socket.Fd);
        }

        return Judgement.Pass;
    }

    // A socket with a path is made there, as any other file is.
    private Judgement JudgeBindPath(int processId, scoped ReadOnlySpan<byte> name)
    {
        int end = name.IndexOf((byte)0);
        ReadOnlySpan<byte> path = end < 0 ? name : name[..end];
        if (
            path.IsEmpty
            || resolver.Resolve(processId, CurrentDirectory, path, followLast: false, _found)
                is not (PathKind.Missing or PathKind.Unreachable)
        )
        {
            return Judgement.Pass;
        }

        DenialReason reason = rules.Replace(_found.Text);
        return reason == DenialReason.None ? Judgement.Pass : Judgement.DenyFile(reason, _found.Bytes, "bind"u8);
    }

    private Judgement JudgeMessage(in SystemCallNotification call, ulong header)
    {
        Span<byte> start = stackalloc byte[MessageHeaderStart];
        return AgentMemory.Read((int)call.ProcessId, header, start) < start.Length
            ? Judgement.DenyConnection(DenialReason.Unreadable, "(unreadable)")
            : Judge(in call, BitConverter.ToUInt64(start), BitConverter.ToUInt32(start[sizeof(ulong)..]));
    }

    private Judgement Judge(in SystemCallNotification call, ulong address, ulong length)
    {
        if (address == 0 || length < sizeof(ushort))
        {
            // A connected socket was judged when it was connected.
            return Judgement.Pass;
        }

        Span<byte> buffer = stackalloc byte[MaxAddress];
        if (!TryRead(in call, address, length, buffer, out ReadOnlySpan<byte> destination))
        {
            return Judgement.DenyConnection(DenialReason.Unreadable, "(unreadable)");
        }

        return ReadAddress(destination, call.Number != SystemCalls.Connect) is { } internet ? JudgeAddress(in call, internet, destination)
            : BinaryPrimitives.ReadUInt16LittleEndian(destination) == AddressFamilyUnix
                ? JudgePath((int)call.ProcessId, destination[sizeof(ushort)..])
            : Judgement.Pass;
    }

    private static bool TryRead(in SystemCallNotification call, ulong address, ulong length, Span<byte> buffer, out ReadOnlySpan<byte> name)
    {
        Span<byte> part = buffer[..(int)Math.Min(length, MaxAddress)];
        name = part;
        return length >= sizeof(ushort) && AgentMemory.Read((int)call.ProcessId, address, part) == part.Length;
    }

    // An IPv6 address that maps an IPv4 one is that. What a datagram is sent to without a family is an IPv4 address too (udp_sendmsg in
    // net/ipv4/udp.c).
    private static IPAddress? ReadAddress(ReadOnlySpan<byte> name, bool isSend)
    {
        IPAddress? address = BinaryPrimitives.ReadUInt16LittleEndian(name) switch
        {
            AddressFamilyUnspecified when isSend && name.Length >= 8 && name[2..8].ContainsAnyExcept((byte)0) => new IPAddress(name[4..8]),
            AddressFamilyInternet when name.Length >= 8 => new IPAddress(name[4..8]),
            AddressFamilyInternet6 when name.Length >= 24 => new IPAddress(name[8..24]),
            _ => null,
        };
        return address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
    }

    private static int PortOf(ReadOnlySpan<byte> name) => BinaryPrimitives.ReadUInt16BigEndian(name[EgressSocket.PortOffset..]);

    private Judgement JudgeAddress(in SystemCallNotification call, IPAddress address, scoped ReadOnlySpan<byte> destination)
    {
        int port = PortOf(destination);
        if (gate.IsNameServer(address, port))
        {
            return Judgement.Pass;
        }

        bool isAllowed = gate.IsAllowed(address, port);
        if (gate.IsOwn(address))
        {
            if (isAllowed)
            {
                gate.Open(address, port);
            }

            return Judgement.Pass;
        }

        if (!isAllowed)
        {
            return Judgement.DenyConnection(DenialReason.NotAllowedEndpoint, gate.NameOf(address), port);
        }

        using AgentSocket socket = AgentSocket.Take((int)call.ProcessId, (int)call.Arguments[0]);
        if (socket.IsTcp == false && port > 0)
        {
            return Judgement.DenyConnection(DenialReason.NotRelayed, gate.NameOf(address), port);
        }

        int open = gate.Open(address, port);
        if (open == port || socket.IsTcp != true)
        {
            return Judgement.Pass;
        }

        // A server of the agent's listens at all addresses on this port, this one among them. Data before the connection is a wish that
        // kernels may refuse.
        return Judgement.Made(call.Number == SystemCalls.Connect ? socket.Connect(destination, open) : OperationNotSupported);
    }

    // A server outside may have put its socket into a folder that is shown to the agent; one of the agent's own is where it may write.
    private Judgement JudgePath(int processId, scoped ReadOnlySpan<byte> name)
    {
        int end = name.IndexOf((byte)0);
        ReadOnlySpan<byte> path = end < 0 ? name : name[..end];
        if (path.IsEmpty)
        {
            // An abstract name belongs to the network namespace, which is the sandbox's own.
            return Judgement.Pass;
        }

        if (resolver.Resolve(processId, CurrentDirectory, path, followLast: true, _found) is not { } kind)
        {
            return Judgement.DenyConnection(DenialReason.Unreadable, _found.Bytes);
        }

        return kind != PathKind.Special || rules.Write(_found.Text) == DenialReason.None
            ? Judgement.Pass
            : Judgement.DenyConnection(DenialReason.ForeignSocket, _found.Bytes);
    }
}
