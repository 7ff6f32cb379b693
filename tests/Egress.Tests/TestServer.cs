using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace IsolatedAgents.Egress.Tests;

/// <summary>A server on a real socket that does with each connection what a test says.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly Func<Socket, Task> _serve;
    private int _count;

    public TestServer(Func<Socket, Task> serve)
    {
        _serve = serve;
        _listener.Start(4096);
        _connections.Add(AcceptAsync());
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections so far.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Sends back what it gets, to the end.</summary>
    public static async Task EchoAsync(Socket socket)
    {
        byte[] buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer) is var read and > 0)
        {
            await SendAllAsync(socket, buffer.AsMemory(0, read));
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    public static async Task SendAllAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await socket.SendAsync(bytes)..];
        }
    }

    public static Task SendAllAsync(Socket socket, string text) => SendAllAsync(socket, Encoding.Latin1.GetBytes(text));

    /// <summary>All that comes until the other side ends, as text.</summary>
    public static async Task<string> ReadToEndAsync(Socket socket)
    {
        using MemoryStream all = new();
        byte[] buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer).WaitAsync(TimeSpan.FromSeconds(20)) is var read and > 0)
        {
            all.Write(buffer, 0, read);
        }

        return Encoding.Latin1.GetString(all.ToArray());
    }

    /// <summary>What comes up to and with <paramref name="end"/>.</summary>
    public static async Task<string> ReadUntilAsync(Socket socket, string end)
    {
        StringBuilder text = new();
        byte[] one = new byte[1];
        while (
            !text.ToString().EndsWith(end, StringComparison.Ordinal)
            && await socket.ReceiveAsync(one).WaitAsync(TimeSpan.FromSeconds(20)) > 0
        )
        {
            text.Append((char)one[0]);
        }

        return text.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await Task.WhenAll(_connections).WaitAsync(TimeSpan.FromSeconds(30));
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptSocketAsync();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }

            Interlocked.Increment(ref _count);
            _connections.Add(ServeAsync(socket));
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using (socket)
        {
            try
            {
                await _serve(socket);
            }
            catch (Exception exception)
                when (exception is SocketException or ObjectDisposedException or IOException { InnerException: SocketException })
            {
                // The other side went away, as tests do; a stream over the socket wraps that.
            }
        }
    }
}
