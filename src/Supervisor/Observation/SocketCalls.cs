using System.Buffers.Binary;
using System.Net;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Egress;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>
/// Judges calls that name a destination. The network namespace holds the allowed endpoints alone, so that nothing else is reached in any case; here it is told, and refused at once.
/// </summary>
/// <param name="rules">Where sockets that have a path may be.</param>
/// <param name="gate">The way to the allowed endpoints; null where there are none.</param>
/// <param name="resolver">Finds the sockets that have a path.</param>
internal sealed unsafe class SocketCalls(FileRules rules, EgressGate? gate, PathResolver resolver)
{
    private readonly PathBuffer _found = new();

    // struct sockaddr_storage, include/uapi/linux/socket.h
    private const int MaxAddress = 128;

    // struct msghdr, include/linux/socket.h: the address's pointer and length come first.
    private const int MessageHeaderStart = 16;

    // struct mmsghdr, include/linux/socket.h, on a 64-bit machine; UIO_MAXIOV, include/uapi/linux/uio.h: the kernel takes no more of them at once.
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
        string subject = $"socket({Families.GetValueOrDefault(family) ?? $"family {family}"}, type {(int)call.Arguments[1] & TypeBits}, protocol {(int)call.Arguments[2]})";
        return Judgement.DenyCall(DenialReason.DeniedSocket, subject, AddressFamilyNotSupported);
    }

    public Judgement Judge(in SystemCallNotification call)
    {
        switch (call.Number)
        {
            case SystemCalls.Connect:
                return Judge((int)call.ProcessId, call.Arguments[1], call.Arguments[2]);
            case SystemCalls.SendTo:
                return Judge((int)call.ProcessId, call.Arguments[4], call.Arguments[5]);
            case SystemCalls.SendMessage:
                return JudgeMessage((int)call.ProcessId, call.Arguments[1]);
            default:
                ulong count = Math.Min(call.Arguments[2], MaxMessages);
                for (ulong i = 0; i < count; i++)
                {
                    if (JudgeMessage((int)call.ProcessId, call.Arguments[1] + (i * MessageVectorStride)) is { Error: not 0 } denied)
                    {
                        // The kernel would send the ones before it; all are refused, as the safer answer.
                        return denied;
                    }
                }

                return Judgement.Pass;
        }
    }

    private Judgement JudgeMessage(int processId, ulong header)
    {
        Span<byte> start = stackalloc byte[MessageHeaderStart];
        return AgentMemory.Read(processId, header, start) < start.Length
            ? Judgement.DenyConnection(DenialReason.Unreadable, "(unreadable)")
            : Judge(processId, BitConverter.ToUInt64(start), BitConverter.ToUInt32(start[sizeof(ulong)..]));
    }

    private Judgement Judge(int processId, ulong address, ulong length)
    {
        if (address == 0 || length < sizeof(ushort))
        {
            // A connected socket was judged when it was connected.
            return Judgement.Pass;
        }

        Span<byte> buffer = stackalloc byte[MaxAddress];
        Span<byte> destination = buffer[..(int)Math.Min(length, MaxAddress)];
        if (AgentMemory.Read(processId, address, destination) < destination.Length)
        {
            return Judgement.DenyConnection(DenialReason.Unreadable, "(unreadable)");
        }

        return BinaryPrimitives.ReadUInt16LittleEndian(destination) switch
        {
            AddressFamilyInternet when destination.Length >= 8 => JudgeAddress(new IPAddress(destination[4..8]), destination),
            AddressFamilyInternet6 when destination.Length >= 24 => JudgeAddress(new IPAddress(destination[8..24]), destination),
            AddressFamilyUnix => JudgePath(processId, destination[sizeof(ushort)..]),
            _ => Judgement.Pass,
        };
    }

    private Judgement JudgeAddress(IPAddress address, scoped ReadOnlySpan<byte> destination)
    {
        IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        int port = BinaryPrimitives.ReadUInt16BigEndian(destination[sizeof(ushort)..]);
        // The sandbox's own loopback is the agent's, also where the policy means the host's by the same address.
        return gate?.TryOpen(plain, port) == true || IPAddress.IsLoopback(plain) || plain.Equals(IPAddress.Any) || plain.Equals(IPAddress.IPv6Any)
            ? Judgement.Pass
            : Judgement.DenyConnection(DenialReason.NotAllowedEndpoint, gate?.NameOf(plain) ?? plain.ToString(), port);
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

        PathKind kind = resolver.Resolve(processId, CurrentDirectory, path, followLast: true, _found);
        return kind != PathKind.Special || rules.Write(_found.Text) == DenialReason.None
            ? Judgement.Pass
            : Judgement.DenyConnection(DenialReason.ForeignSocket, _found.Bytes);
    }
}
