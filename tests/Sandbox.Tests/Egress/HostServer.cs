using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>A server of this machine that does with each connection what a test says.</summary>
internal sealed class HostServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<string> _requests = new();
    private readonly Func<Socket, HostServer, Task> _serve;

    public HostServer(Func<Socket, HostServer, Task> serve)
    {
        _serve = serve;
        _listener.Start(4096);
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _ = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>What came, for servers that keep it.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    /// <summary>Sends back what it gets, to the end.</summary>
    public static async Task EchoAsync(Socket socket, HostServer server)
    {
        byte[] buffer = new byte[64 * 1024];
        int count;
        while ((count = await socket.ReceiveAsync(buffer)) > 0)
        {
            await socket.SendAsync(buffer.AsMemory(0, count));
        }

        socket.Shutdown(SocketShutdown.Send);
        // Who closes at once may take back what was sent last.
        await socket.ReceiveAsync(buffer);
    }

    /// <summary>Answers requests without a body, on one connection after the other; what was asked for is kept.</summary>
    public static async Task AnswerAsync(Socket socket, HostServer server)
    {
        byte[] buffer = new byte[16 * 1024];
        StringBuilder received = new();
        int count;
        while ((count = await socket.ReceiveAsync(buffer)) > 0)
        {
            received.Append(Encoding.Latin1.GetString(buffer, 0, count));
            int end;
            while ((end = received.ToString().IndexOf("\r\n\r\n", StringComparison.Ordinal)) >= 0)
            {
                string head = received.ToString(0, end);
                received.Remove(0, end + 4);
                server._requests.Enqueue(head);
                string location = head.StartsWith("GET /redirect", StringComparison.Ordinal) ? "Location: http://other.test/\r\n" : "";
                await socket.SendAsync(
                    Encoding.Latin1.GetBytes(
                        $"HTTP/1.1 {(location.Length > 0 ? "302 Found" : "200 OK")}\r\n{location}Content-Length: 5\r\n\r\nhello"
                    )
                );
            }
        }
    }

    /// <summary>Resets every connection.</summary>
    public static Task ResetAsync(Socket socket, HostServer server)
    {
        socket.LingerState = new LingerOption(true, 0);
        return Task.CompletedTask;
    }

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptSocketAsync());
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using (socket)
        {
            try
            {
                await _serve(socket, this);
            }
            catch (SocketException)
            {
                // The other side went away.
            }
        }
    }
}
