using System.Net;
using System.Runtime.InteropServices;

namespace IsolatedAgents.Platform.Sockets;

/// <summary>Begins connections without waiting for them: connect(2). Linux.</summary>
internal static unsafe partial class Connecting
{
    // include/uapi/asm-generic/errno.h, include/uapi/asm-generic/errno-base.h
    private const int InProgress = 115;
    private const int Interrupted = 4;

    /// <summary>
    /// Begins, on a socket that does not block. How it ended is what the socket itself says once it can be written to and is asked to
    /// connect.
    /// </summary>
    /// <returns>Whether there is something to wait for.</returns>
    public static bool Begin(SafeHandle socket, IPEndPoint endpoint)
    {
        SocketAddress address = endpoint.Serialize();
        fixed (byte* name = address.Buffer.Span)
        {
            return connect(socket, name, address.Size) < 0 && Marshal.GetLastPInvokeError() is InProgress or Interrupted;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(SafeHandle socket, byte* address, int length);
}
