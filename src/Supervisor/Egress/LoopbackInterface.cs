using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Setup;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// Gives the sandbox's loopback interface the addresses that the agent may connect to: whatever is none of them has no route. rtnetlink(7).
/// Only while this process still may administer the network, which it gives up before the agent starts.
/// </summary>
internal static class LoopbackInterface
{
    // include/uapi/linux/netlink.h, rtnetlink.h, if_addr.h, if_link.h
    private const int HeaderLength = 16;
    private const ushort ErrorMessage = 2;
    private const ushort NewAddress = 20;
    private const ushort NewRoute = 24;
    private const ushort Request = 1 | 4;
    private const ushort CreateOrReplace = 0x100 | 0x400;
    private const ushort AddressOfInterface = 1;
    private const ushort LocalAddress = 2;
    private const ushort RouteDestination = 1;
    private const ushort RouteInterface = 4;
    private const byte NoDuplicateDetection = 2;
    private const byte HostScope = 254;
    private const byte LocalTable = 255;
    private const byte StaticProtocol = 4;
    private const byte LocalRoute = 2;

    // include/net/net_namespace.h: LOOPBACK_IFINDEX
    private const int Index = 1;

    /// <summary>Adds the addresses that stand for names, and those of the policy.</summary>
    /// <returns>False where the engine did not give the right to, and something had to be added.</returns>
    /// <exception cref="SetupException">The kernel does not allow it.</exception>
    public static bool TryAdd(EndpointMatcher endpoints)
    {
        IPAddress[] addresses = [.. endpoints.Addresses.Keys.Where(address => !IPAddress.IsLoopback(address))];
        bool hasNames = endpoints.Names.Count + endpoints.Domains.Count > 0;
        if (!hasNames && addresses.Length + endpoints.Ranges.Length == 0)
        {
            return true;
        }

        return WithSocket(fd =>
            (!hasNames || AddAddress(fd, NameTable.Range.BaseAddress, NameTable.Range.PrefixLength))
            && addresses.All(address => AddAddress(fd, address, address.GetAddressBytes().Length * 8))
            && endpoints.Ranges.All(range => AddRange(fd, range))
        );
    }

    /// <summary>Adds one address.</summary>
    /// <returns>False where the engine did not give the right to.</returns>
    /// <exception cref="SetupException">The kernel does not allow it.</exception>
    public static bool TryAdd(IPAddress address) => WithSocket(fd => AddAddress(fd, address, address.GetAddressBytes().Length * 8));

    private static bool WithSocket(Func<int, bool> use)
    {
        int fd = LibC.socket(AddressFamilyNetlink, SocketRaw | OpenCloseOnExec, 0);
        KernelException.ThrowIfFailed("netlink socket", fd);
        try
        {
            return use(fd);
        }
        finally
        {
            LibC.close(fd);
        }
    }

    // struct ifaddrmsg
    private static bool AddAddress(int fd, IPAddress address, int prefixLength)
    {
        byte[] bytes = address.GetAddressBytes();
        return Send(
            fd,
            NewAddress,
            $"{address}/{prefixLength}",
            [
                Family(address),
                (byte)prefixLength,
                NoDuplicateDetection,
                HostScope,
                .. BitConverter.GetBytes(Index),
                .. Attribute(LocalAddress, bytes),
                .. Attribute(AddressOfInterface, bytes),
            ]
        );
    }

    // struct rtmsg: every address of the range is local, as those of 127.0.0.0/8 are.
    private static bool AddRange(int fd, IPNetwork range) =>
        Send(
            fd,
            NewRoute,
            range.ToString(),
            [
                Family(range.BaseAddress),
                (byte)range.PrefixLength,
                0,
                0,
                LocalTable,
                StaticProtocol,
                HostScope,
                LocalRoute,
                .. BitConverter.GetBytes(0),
                .. Attribute(RouteDestination, range.BaseAddress.GetAddressBytes()),
                .. Attribute(RouteInterface, BitConverter.GetBytes(Index)),
            ]
        );

    private static byte Family(IPAddress address) =>
        (byte)(address.AddressFamily == AddressFamily.InterNetwork ? AddressFamilyInternet : AddressFamilyInternet6);

    // struct rtattr; addresses and indices are multiples of four bytes, as attributes must be.
    private static byte[] Attribute(ushort type, byte[] value) =>
        [.. BitConverter.GetBytes((ushort)(2 * sizeof(ushort) + value.Length)), .. BitConverter.GetBytes(type), .. value];

    // struct nlmsghdr, answered by struct nlmsgerr.
    private static bool Send(int fd, ushort type, string what, byte[] body)
    {
        byte[] message = new byte[HeaderLength + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(4), type);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(6), Request | CreateOrReplace);
        body.CopyTo(message.AsSpan(HeaderLength));
        int error = Descriptor.Write(fd, message);
        if (error > 0)
        {
            byte[] answer = new byte[4096];
            int count = Descriptor.Read(fd, answer);
            error =
                count < HeaderLength + sizeof(int) || BinaryPrimitives.ReadUInt16LittleEndian(answer.AsSpan(4)) != ErrorMessage
                    ? -InvalidArgument
                    : BinaryPrimitives.ReadInt32LittleEndian(answer.AsSpan(HeaderLength));
        }

        if (error == -NotPermitted)
        {
            return false;
        }

        if (error is < 0 and not -Exists)
        {
            throw new SetupException(
                SetupFailureKind.Isolation,
                "egress addresses",
                $"{what} cannot be given to the loopback interface: {KernelException.ErrorName(-error)}"
            );
        }

        return true;
    }
}
