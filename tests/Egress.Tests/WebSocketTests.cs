using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Egress.Tests;

/// <summary>WebSockets whose TLS is opened on the way: what is judged, what passes, and how they end.</summary>
[TestClass]
public sealed class WebSocketTests
{
    private static readonly TestAuthority Authority = new();

    [TestMethod]
    public async Task WebSocket_CarriesMessagesAndBothEnds()
    {
        await using TestServer server = new(socket => ServeAsync(socket, EchoAsync));
        await using BrokerHost host = Host(server.Port);
        using ClientWebSocket client = await ConnectAsync(host, server.Port);
        Assert.AreEqual(WebSocketState.Open, client.State);
        await SendAsync(client, "hello");
        byte[] buffer = new byte[100];
        WebSocketReceiveResult said = await client.ReceiveAsync(buffer, CancellationToken.None);
        Assert.AreEqual("Text True hello", $"{said.MessageType} {said.EndOfMessage} {Encoding.UTF8.GetString(buffer, 0, said.Count)}");
        await client.CloseAsync((WebSocketCloseStatus)4001, "done", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.AreEqual("4001 done", $"{(int?)client.CloseStatus} {client.CloseStatusDescription}");
        EgressRequest told = host.Sink.Allowed.Single();
        Assert.AreEqual("HTTP GET /socket 101 True", $"{told.Protocol} {told.Method} {told.Path} {told.Status} {told.IsInspected}");
        Assert.IsNull((await host.Sink.NextClosedAsync()).Error);
    }

    [TestMethod]
    public async Task WebSocket_WhereModelTokensAreLimited_IsRefused()
    {
        await using TestServer server = new(socket => ServeAsync(socket, EchoAsync));
        await using BrokerHost host = Host(server.Port, limits: new LimitsPolicy { MaxModelTokens = 50 });
        using ClientWebSocket client = await ConnectAsync(host, server.Port);
        Assert.AreEqual(HttpStatusCode.Forbidden, client.HttpStatusCode);
        Assert.AreEqual("limits.max_model_tokens", host.Sink.Blocked.Single().Rule);
        Assert.AreEqual(0, server.Count);
    }

    [TestMethod]
    public async Task OtherProtocols_AreRefused()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = Host(nginx.TlsPort);
        string url = $"https://api.test:{nginx.TlsPort}/";
        foreach (
            string[] arguments in (string[][])
                [
                    ["-H", "Connection: Upgrade", "-H", "Upgrade: h2c"],
                    ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket, h2c"],
                    ["-X", "POST", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket"],
                ]
        )
        {
            (_, string output) = await Clients.CurlAsync(
                host.Expose("api.test", nginx.TlsPort),
                ["-k", "--http1.1", "-w", "%{http_code}", .. arguments, url]
            );
            Assert.EndsWith("403", output);
            Assert.AreEqual("network.inspect", (await host.Sink.NextBlockedAsync()).Rule);
        }

        Assert.IsEmpty(host.Sink.Allowed);
    }

    [TestMethod]
    public async Task Server_ThatRefusesTheHandshake_IsHeard()
    {
        await using TestServer server = new(socket =>
            ServeAsync(socket, EchoAsync, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        );
        await using BrokerHost host = Host(server.Port);
        using ClientWebSocket client = await ConnectAsync(host, server.Port);
        Assert.AreEqual(HttpStatusCode.Unauthorized, client.HttpStatusCode);
        Assert.AreEqual(401, host.Sink.Allowed.Single().Status);
    }

    [TestMethod]
    [DataRow("Upgrade: other")]
    [DataRow("Upgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate")]
    public async Task Server_ThatSwitchesToSomethingElse_IsNotFollowed(string headers)
    {
        await using TestServer server = new(socket =>
            ServeAsync(socket, EchoAsync, $"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n{headers}\r\n\r\n")
        );
        await using BrokerHost host = Host(server.Port);
        using ClientWebSocket client = await ConnectAsync(host, server.Port);
        Assert.AreEqual(HttpStatusCode.BadGateway, client.HttpStatusCode);
        Assert.IsEmpty(host.Sink.Allowed);
    }

    [TestMethod]
    public async Task Server_ThatDropsTheWebSocket_LooksLikeThatToTheAgent()
    {
        await using TestServer server = new(socket =>
            ServeAsync(socket, async end => await end.ReceiveAsync(new byte[100], CancellationToken.None))
        );
        await using BrokerHost host = Host(server.Port);
        using ClientWebSocket client = await ConnectAsync(host, server.Port);
        await SendAsync(client, "hello");
        await Assert.ThrowsExactlyAsync<WebSocketException>(() =>
            client.ReceiveAsync(new byte[100], CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30))
        );
        Assert.Contains("broke off", (await host.Sink.NextClosedAsync()).Error ?? "");
    }

    [TestMethod]
    public async Task Agent_ThatSendsNoWebSocket_IsCutOff()
    {
        TaskCompletionSource<string> heard = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = new(socket => ServeAsync(socket, async end =>
            {
                try
                {
                    WebSocketReceiveResult part = await end.ReceiveAsync(new byte[100], CancellationToken.None);
                    heard.TrySetResult($"{part.MessageType}");
                }
                catch (WebSocketException failure)
                {
                    heard.TrySetResult($"{failure.WebSocketErrorCode}");
                }
            }));
        await using BrokerHost host = Host(server.Port);
        using Socket socket = await host.ConnectAsync("api.test", server.Port);
        using SslStream tls = new(new NetworkStream(socket));
        X509ChainPolicy trust = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.AddRange(Clients.Roots(host.Broker.AuthorityPem!));
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "api.test", CertificateChainPolicy = trust });
        await tls.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"GET /socket HTTP/1.1\r\nHost: api.test:{server.Port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
        );
        Assert.StartsWith("HTTP/1.1 101 ", await ReadHeadAsync(tls));
        // A text of five letters without the mask that clients must use.
        await tls.WriteAsync(new byte[] { 0x81, 5, (byte)'h', (byte)'e', (byte)'l', (byte)'l', (byte)'o' });
        Assert.AreEqual("ConnectionClosedPrematurely", await heard.Task.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [TestMethod]
    public async Task Upload_OverTheLimit_IsCutAndTold()
    {
        await using TestServer server = new(socket => ServeAsync(socket, EchoAsync));
        await using BrokerHost host = Host(server.Port, maxUploadBytes: 50_000);
        using ClientWebSocket client = await ConnectAsync(host, server.Port);
        await Assert.ThrowsExactlyAsync<WebSocketException>(async () =>
        {
            Task sending = client.SendAsync(new byte[2_000_000], WebSocketMessageType.Binary, true, CancellationToken.None);
            byte[] buffer = new byte[10_000];
            while (client.State == WebSocketState.Open)
            {
                await client.ReceiveAsync(buffer, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
            }

            await sending;
        });
        Assert.AreEqual("network.max_upload_bytes", (await host.Sink.NextBlockedAsync()).Rule);
    }

    private static BrokerHost Host(int port, LimitsPolicy? limits = null, long maxUploadBytes = 0) =>
        new(
            BrokerHost.Allow($"api.test:{port}") with
            {
                Inspect = [new InspectedEndpoint($"api.test:{port}", [])],
                MaxUploadBytes = maxUploadBytes,
            },
            BrokerHost.Loopback with
            {
                TrustedRoots = Authority.Roots,
            },
            limits: limits
        );

    private static Task<ClientWebSocket> ConnectAsync(BrokerHost host, int port) =>
        Clients.WebSocketAsync(
            host.Expose("api.test", port),
            Clients.Roots(host.Broker.AuthorityPem!),
            new Uri($"wss://api.test:{port}/socket")
        );

    private static Task SendAsync(WebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None);

    private static async Task<string> ReadHeadAsync(Stream stream)
    {
        StringBuilder head = new();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one) > 0)
        {
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    /// <summary>Answers the handshake, or with something else, and goes on as a WebSocket.</summary>
    private static async Task ServeAsync(Socket socket, Func<WebSocket, Task> talk, string? answer = null)
    {
        using SslStream tls = new(new NetworkStream(socket));
        await tls.AuthenticateAsServerAsync(Authority.Sign("api.test"));
        string head = await ReadHeadAsync(tls);
        string key = head.Split("\r\n")
            .Single(line => line.StartsWith("Sec-WebSocket-Key:", StringComparison.OrdinalIgnoreCase))[18..]
            .Trim();
        await tls.WriteAsync(
            Encoding.ASCII.GetBytes(
                answer
                    ?? $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {Accept(key)}\r\n\r\n"
            )
        );
        if (answer is null)
        {
            using WebSocket end = WebSocket.CreateFromStream(tls, new WebSocketCreationOptions { IsServer = true });
            await talk(end);
        }
    }

    private static async Task EchoAsync(WebSocket end)
    {
        byte[] buffer = new byte[10_000];
        try
        {
            while (await end.ReceiveAsync(buffer, CancellationToken.None) is { MessageType: not WebSocketMessageType.Close } part)
            {
                await end.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, CancellationToken.None);
            }

            await end.CloseOutputAsync(end.CloseStatus!.Value, end.CloseStatusDescription, CancellationToken.None);
        }
        catch (WebSocketException)
        {
            // Broken off.
        }
    }

#pragma warning disable CA5350 // RFC 6455, 4.2.2, names it, and no security rests on it.
    private static string Accept(string key) =>
        Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
}
