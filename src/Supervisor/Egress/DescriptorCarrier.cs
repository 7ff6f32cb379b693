using System.Buffers.Binary;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// Hands the very socket to the host, over a Unix socket of its own: unix(7), SCM_RIGHTS. From there on no byte of the connection passes through this process, and both ends
/// keep all that TCP has.
/// </summary>
internal sealed class DescriptorCarrier(int host) : IConnectionCarrier
{
    private int _last;

    public void Carry(int fd, string target, int port)
    {
        byte[] payload = new EgressOpened(++_last, target, port, SocketTable.NameOf(fd)).ToPayload();
        byte[] message = new byte[sizeof(ushort) + payload.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(message, (ushort)payload.Length);
        payload.CopyTo(message.AsSpan(sizeof(ushort)));
        int sent = Descriptor.Send(host, message, fd);
        LibC.close(fd);
        if (sent >= 0 && sent < message.Length)
        {
            Descriptor.WriteAll(host, message.AsSpan(sent));
        }

        // A host that takes nothing any more is gone: the channel finds that out, and ends everything.
    }
}
