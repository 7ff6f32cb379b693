using System.Buffers.Binary;
using System.Net.Sockets;
using System.Threading.Channels;
using IsolatedAgents.Platform.Sockets;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Sandbox.Connections;

/// <summary>
/// Takes what the agent's connections arrive at, and those that the supervisor has taken itself, as the sockets that they are, over a Unix
/// socket of their own.
/// </summary>
/// <param name="loop">Waits for the sockets.</param>
/// <param name="from">The Unix socket.</param>
/// <param name="connections">Takes the agent's connections.</param>
/// <param name="holders">Knows whether the agent's ends are still held.</param>
internal sealed class DescriptorReceiver(ReadinessLoop loop, Socket from, ChannelWriter<AgentConnection> connections, SocketHolders holders)
{
    private const int BufferLength = 4096;

    // The supervisor keeps far fewer open at once.
    private const int MaxListeners = 4096;

    // Then those that are being set up in the same thread have their turn.
    private const int MaxInRow = 64;

    // An agent that has ended may have opened its last ones just before.
    private const int MaxLast = 1024;

    private readonly List<AgentListener> _listeners = [];
    private readonly Queue<int> _descriptors = new();

    /// <summary>
    /// Passes each connection on, until the supervisor closes the socket or it is cancelled; and then those that lie in it, or have arrived
    /// in the sandbox.
    /// </summary>
    /// <exception cref="ProtocolException">Something else than that came.</exception>
    /// <exception cref="SocketException">The socket broke.</exception>
    public async Task ReceiveAsync(CancellationToken cancellationToken)
    {
        using SocketReadiness readiness = new(loop, from.SafeHandle);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static state => ((SocketReadiness)state!).Dispose(),
            readiness
        );
        try
        {
            await ReceiveAsync(readiness, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            foreach (AgentListener listener in _listeners)
            {
                await listener.DisposeAsync().ConfigureAwait(false);
            }

            foreach (int descriptor in _descriptors)
            {
                new SafeSocketHandle(descriptor, ownsHandle: true).Dispose();
            }
        }
    }

    private async Task ReceiveAsync(SocketReadiness readiness, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[BufferLength];
        int filled = 0;
        int inRow = 0;
        int left = int.MaxValue;
        while (left-- > 0)
        {
            if (inRow++ == MaxInRow)
            {
                bool isReadable = await WhenReadableAsync(readiness, cancellationToken).ConfigureAwait(false);
                (inRow, left) = isReadable ? (1, int.MaxValue) : (int.MinValue, MaxLast);
            }

            int count = DescriptorPassing.Receive(from.SafeHandle, buffer.AsSpan(filled), out int descriptor);
            if (descriptor >= 0)
            {
                _descriptors.Enqueue(descriptor);
            }

            if (count == 0 || (count < 0 && inRow < 0))
            {
                return;
            }

            if (count < 0)
            {
                inRow = MaxInRow;
                continue;
            }

            filled = Take(buffer, filled + count);
        }
    }

    // False where it was cancelled.
    private static async ValueTask<bool> WhenReadableAsync(SocketReadiness readiness, CancellationToken cancellationToken)
    {
        try
        {
            await readiness.WaitAsync().ConfigureAwait(false);
            return true;
        }
        catch (ObjectDisposedException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    // How many bytes of a further message are left.
    private int Take(byte[] buffer, int filled)
    {
        Span<byte> rest = buffer.AsSpan(0, filled);
        while (
            rest.Length >= sizeof(ushort)
            && BinaryPrimitives.ReadUInt16LittleEndian(rest) is var length
            && rest.Length >= sizeof(ushort) + length
        )
        {
            EgressHandover handover = EgressHandover.FromPayload(rest.Slice(sizeof(ushort), length));
            Take(new EgressTarget(handover.Host, handover.Port));
            rest = rest[(sizeof(ushort) + length)..];
        }

        if (rest.Length > sizeof(ushort) + EgressHandover.MaxLength)
        {
            throw new ProtocolException("An endpoint's announcement is too long.");
        }

        rest.CopyTo(buffer);
        return rest.Length;
    }

    private void Take(EgressTarget target)
    {
        if (!_descriptors.TryDequeue(out int descriptor))
        {
            throw new ProtocolException("A socket was announced and not handed over.");
        }

        Socket socket = new(new SafeSocketHandle(descriptor, ownsHandle: true));
        if (
            socket is not { SocketType: SocketType.Stream, AddressFamily: AddressFamily.InterNetwork or AddressFamily.InterNetworkV6 }
            || _listeners.Count == MaxListeners
        )
        {
            socket.Dispose();
            throw new ProtocolException("Something else than a connection was handed over, or too much.");
        }

        if (socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.AcceptConnection) is not 0)
        {
            _listeners.Add(new AgentListener(loop, socket, target, connections, holders));
        }
        else if (!socket.Connected)
        {
            // A listener that the supervisor closed before it was taken from here accepts no more and has no other end. The same is true of
            // a connection that the agent has reset: nobody holds it, and no byte of it left.
            socket.Dispose();
        }
        else if (!connections.TryWrite(new AgentConnection(new SocketDuplexStream(socket, loop, holders.WhenUnheldAsync), target)))
        {
            socket.Dispose();
        }
    }
}
