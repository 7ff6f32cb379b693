using System.Net.Security;
using System.Net.Sockets;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>The inside of a TLS connection to a server, which it owns.</summary>
internal sealed class TlsDuplexStream(Socket socket, SslStream tls) : DuplexStream
{
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        tls.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        tls.WriteAsync(buffer, cancellationToken);

    public override async ValueTask CompleteWritesAsync(CancellationToken cancellationToken) =>
        await tls.ShutdownAsync().ConfigureAwait(false);

    /// <summary>
    /// A read or write that is under way ends with an error, and the server sees an end: nobody is to take that for one of the answer.
    /// </summary>
    public override void Abort()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // It is broken, or closed already.
        }

        socket.Dispose();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Abort();
            tls.Dispose();
        }

        base.Dispose(disposing);
    }
}
