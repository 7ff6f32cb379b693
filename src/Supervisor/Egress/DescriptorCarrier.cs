using System.Buffers.Binary;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// Hands the very socket to the host, over a Unix socket of its own: unix(7), SCM_RIGHTS. From there on no byte of the connection passes through this process, and both ends
/// keep all that TCP has.
/// </summary>
internal sealed unsafe class DescriptorCarrier(int host) : IConnectionCarrier
{
    private int _last;

    public void Carry(int fd, string target, int port)
    {
        byte[] payload = new EgressOpened(++_last, target, port).ToPayload();
        byte[] message = new byte[sizeof(ushort) + payload.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(message, (ushort)payload.Length);
        payload.CopyTo(message.AsSpan(sizeof(ushort)));
        int sent = Send(message, fd);
        LibC.close(fd);
        if (sent >= 0 && sent < message.Length)
        {
            Descriptor.WriteAll(host, message.AsSpan(sent));
        }

        // A host that takes nothing any more is gone: the channel finds that out, and ends everything.
    }

    private int Send(byte[] message, int fd)
    {
        fixed (byte* bytes = message)
        {
            MemoryRange range = new() { Address = (nuint)bytes, Length = (nuint)message.Length };
            // CMSG_LEN: the header and one int, and not what pads it.
            DescriptorMessage control = new() { Length = (nuint)(sizeof(DescriptorMessage) - sizeof(int)), Level = SocketLevel, Type = RightsMessage, Fd = fd };
            SocketMessage header = new() { Ranges = &range, RangeCount = 1, Control = &control, ControlLength = (nuint)sizeof(DescriptorMessage) };
            return (int)LibC.sendmsg(host, &header, MessageNoSignal);
        }
    }
}
