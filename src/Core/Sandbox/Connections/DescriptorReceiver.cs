using System.Buffers.Binary;
using System.Net.Sockets;
using System.Threading.Channels;
using IsolatedAgents.Egress;
using IsolatedAgents.Egress.Readiness;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox.Interop;

namespace IsolatedAgents.Sandbox.Connections;

/// <summary>Takes the agent's connections as the sockets that they are, over a Unix socket of their own.</summary>
internal static class DescriptorReceiver
{
    private const int BufferLength = 4096;

    // Then those that are being set up in the same thread have their turn.
    private const int MaxInRow = 64;

    // An agent that has ended may have opened its last ones just before.
    private const int MaxLast = 1024;

    /// <summary>Passes each connection on, until the supervisor closes the socket, or those that lie in it when it is cancelled.</summary>
    /// <exception cref="ProtocolException">Something else than connections came.</exception>
    /// <exception cref="SocketException">The socket broke.</exception>
    public static async Task ReceiveAsync(Socket from, ChannelWriter<AgentConnection> connections, SocketHolders holders, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[BufferLength];
        int filled = 0;
        Queue<int> descriptors = new();
        using SocketReadiness? readiness = ReadinessLoop.Shared is { } loop ? new SocketReadiness(loop, from.SafeHandle) : null;
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static state => ((SocketReadiness?)state)?.Dispose(), readiness);
        try
        {
            int inRow = 0;
            int left = int.MaxValue;
            while (left-- > 0)
            {
                if (inRow++ == MaxInRow)
                {
                    bool isReadable = await WhenReadableAsync(from, readiness, cancellationToken).ConfigureAwait(false);
                    (inRow, left) = isReadable ? (1, int.MaxValue) : (int.MinValue, MaxLast);
                }

                int count = DescriptorPassing.Receive(from.SafeHandle, buffer.AsSpan(filled), out int descriptor);
                if (descriptor >= 0)
                {
                    descriptors.Enqueue(descriptor);
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

                filled = Take(buffer, filled + count, descriptors, connections, holders);
            }
        }
        finally
        {
            foreach (int descriptor in descriptors)
            {
                new SafeSocketHandle(descriptor, ownsHandle: true).Dispose();
            }
        }
    }

    // False where it was cancelled.
    private static async ValueTask<bool> WhenReadableAsync(Socket socket, SocketReadiness? readiness, CancellationToken cancellationToken)
    {
        try
        {
            if (readiness is null)
            {
                // Of no bytes: it completes when there are some.
                await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await readiness.WaitAsync().ConfigureAwait(false);
            }

            return true;
        }
        catch (Exception failure) when (failure is OperationCanceledException or ObjectDisposedException && cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    // How many bytes of a further message are left.
    private static int Take(byte[] buffer, int filled, Queue<int> descriptors, ChannelWriter<AgentConnection> connections, SocketHolders holders)
    {
        Span<byte> rest = buffer.AsSpan(0, filled);
        while (rest.Length >= sizeof(ushort) && BinaryPrimitives.ReadUInt16LittleEndian(rest) is var length && rest.Length >= sizeof(ushort) + length)
        {
            EgressOpened opened = EgressOpened.FromPayload(rest.Slice(sizeof(ushort), length));
            Socket socket = Open(descriptors);
            if (!connections.TryWrite(new AgentConnection(new SocketDuplexStream(socket, holders.Of(opened)), new EgressTarget(opened.Host, opened.Port))))
            {
                socket.Dispose();
            }

            rest = rest[(sizeof(ushort) + length)..];
        }

        if (rest.Length > sizeof(ushort) + EgressOpened.MaxLength)
        {
            throw new ProtocolException("A connection's announcement is too long.");
        }

        rest.CopyTo(buffer);
        return rest.Length;
    }

    private static Socket Open(Queue<int> descriptors)
    {
        if (!descriptors.TryDequeue(out int descriptor))
        {
            throw new ProtocolException("A connection was announced and not handed over.");
        }

        Socket socket = new(new SafeSocketHandle(descriptor, ownsHandle: true));
        if (socket is { SocketType: SocketType.Stream, AddressFamily: AddressFamily.InterNetwork or AddressFamily.InterNetworkV6 })
        {
            return socket;
        }

        socket.Dispose();
        throw new ProtocolException("Something else than a connection was handed over.");
    }
}
