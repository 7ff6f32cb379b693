using System.Buffers.Binary;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// Hands the very sockets that the agent connects to over to the host, by a Unix socket of their own: unix(7), SCM_RIGHTS. The host takes
/// the connections from there itself: neither they nor any of their bytes pass through this process, and both ends keep all that TCP has.
/// </summary>
internal sealed class DescriptorCarrier(int host) : IConnectionCarrier
{
    public void Open(ListeningEndpoint endpoint) => HandOver(endpoint.Fd, endpoint);

    public void Close(ListeningEndpoint endpoint)
    {
        // Connections that nobody has taken would be reset.
        int connection;
        while ((connection = EgressSocket.Accept(endpoint.Fd)) >= 0)
        {
            HandOver(connection, endpoint);
            LibC.close(connection);
        }

        // The host has it too: it ends for both.
        _ = LibC.shutdown(endpoint.Fd, ShutdownBoth);
        LibC.close(endpoint.Fd);
    }

    private void HandOver(int fd, ListeningEndpoint endpoint)
    {
        byte[] payload = new EgressHandover(endpoint.Host, endpoint.Target).ToPayload();
        byte[] message = new byte[sizeof(ushort) + payload.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(message, (ushort)payload.Length);
        payload.CopyTo(message.AsSpan(sizeof(ushort)));
        int sent = Descriptor.Send(host, message, fd);
        if (sent >= 0 && sent < message.Length)
        {
            Descriptor.WriteAll(host, message.AsSpan(sent));
        }

        // A host that takes nothing any more is gone: the channel finds that out, and ends everything.
    }
}
