using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Platform.Sockets;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Dialling;

/// <summary>Connects within the loop's thread: the runtime would go on in a thread of its pool, and what follows with it.</summary>
internal static class LoopConnection
{
    /// <summary>Connects a socket, which from then on does not block.</summary>
    /// <exception cref="SocketException">It cannot be connected.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; the socket is of no use any more.</exception>
    public static async ValueTask OpenAsync(ReadinessLoop loop, Socket socket, IPEndPoint endpoint, CancellationToken cancellationToken)
    {
        socket.Blocking = false;
        // A server nearby has answered by then.
        if (Connecting.Begin(socket.SafeHandle, endpoint) && !socket.Poll(TimeSpan.Zero, SelectMode.SelectWrite))
        {
            await WhenDecidedAsync(loop, socket, cancellationToken).ConfigureAwait(false);
        }

        socket.Connect(endpoint);
    }

    private static async ValueTask WhenDecidedAsync(ReadinessLoop loop, Socket socket, CancellationToken cancellationToken)
    {
        using SocketReadiness decided = new(loop, socket.SafeHandle, Epoll.Writable);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static state => ((SocketReadiness)state!).Dispose(),
            decided
        );
        try
        {
            await decided.WaitAsync().ConfigureAwait(false);
            decided.Leave();
        }
        catch (ObjectDisposedException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }
}
