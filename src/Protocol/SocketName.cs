using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace IsolatedAgents.Protocol;

/// <summary>
/// Names one end of a TCP connection as in the kernel's table: its own address and the other one, as they stand there (proc_net_tcp,
/// Documentation/networking/proc_net_tcp.rst).
/// </summary>
internal static class SocketName
{
    /// <summary>Most characters of one: two addresses of IPv6 in hexadecimal digits, with their ports.</summary>
    public const int MaxLength = (2 * 37) + 1;

    private const int MaxAddress = 16;

    /// <param name="own">The address of the end that is named.</param>
    /// <param name="other">The address of the other one.</param>
    public static string Of(IPEndPoint own, IPEndPoint other) => $"{Text(own)} {Text(other)}";

    // The address as words of this machine, the port as a number: tcp4_seq_show, net/ipv4/tcp_ipv4.c, and tcp6_seq_show,
    // net/ipv6/tcp_ipv6.c.
    private static string Text(IPEndPoint end)
    {
        Span<byte> address = stackalloc byte[MaxAddress];
        end.Address.TryWriteBytes(address, out int length);
        string text = "";
        for (int i = 0; i < length; i += sizeof(uint))
        {
            text += BinaryPrimitives.ReadUInt32LittleEndian(address[i..]).ToString("X8", CultureInfo.InvariantCulture);
        }

        return $"{text}:{end.Port.ToString("X4", CultureInfo.InvariantCulture)}";
    }
}
