using System.Net;
using System.Net.Sockets;

namespace IsolatedAgents.Egress.Tests;

[TestClass]
public sealed class KeepAliveTests(TestContext context)
{
    private const int Clients = 4;
    private const int Rounds = 500;

    /// <summary>
    /// A read from the server that was begun and not taken must not look like its end: once in some hundred times, the next request went
    /// unread for ever.
    /// </summary>
    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task SecondRequest_IsReadWheneverTheFirstAnswerCame()
    {
        await using TestServer server = new(static async socket =>
        {
            socket.NoDelay = true;
            while ((await TestServer.ReadUntilAsync(socket, "\r\n\r\n")).Length > 0)
            {
                await TestServer.SendAllAsync(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
                await TestServer.SendAllAsync(socket, "hello");
            }
        });
        await using BrokerHost host = new(BrokerHost.Allow($"web.test:{server.Port}"));
        int port = host.Expose("web.test", server.Port);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(AskAsync, context.CancellationToken)));
        Assert.HasCount(Clients * Rounds, host.Sink.Blocked);

        async Task AskAsync()
        {
            for (int i = 0; i < Rounds; i++)
            {
                using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, port, context.CancellationToken);
                await TestServer.SendAllAsync(socket, $"GET / HTTP/1.1\r\nHost: web.test:{server.Port}\r\n\r\n");
                await TestServer.ReadUntilAsync(socket, "hello");
                await TestServer.SendAllAsync(socket, "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n");
                Assert.StartsWith("HTTP/1.1 403", await TestServer.ReadUntilAsync(socket, "\r\n\r\n"));
            }
        }
    }
}
