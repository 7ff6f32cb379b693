using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace IsolatedAgents.Egress.Tests;

/// <summary>Plain HTTP: each request is judged, and what is refused says why.</summary>
[TestClass]
public sealed class HttpTests
{
    private static readonly TestAuthority Authority = new();

    [TestMethod]
    public async Task Request_Allowed_ReachesTheServerAndIsTold()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{nginx.Port}"));
        using HttpClient client = Clients.Http(host.Expose("api.test", nginx.Port));
        string first = await client.GetStringAsync($"http://api.test:{nginx.Port}/a?secret=1");
        string second = await client.GetStringAsync($"http://API.test:{nginx.Port}/b");
        Assert.Contains("host=api.test", first);
        Assert.Contains("requests=2", second);
        Assert.AreEqual(
            "GET /a 200, GET /b 200",
            string.Join(", ", host.Sink.Allowed.Select(told => $"{told.Method} {told.Path} {told.Status}"))
        );
        client.Dispose();
        Assert.IsNull((await host.Sink.NextClosedAsync()).Error);
    }

    [TestMethod]
    public async Task Request_Upload_ChunkedAndSized_ArriveWhole()
    {
        await using Nginx nginx = await Nginx.StartAsync(
            Authority.Sign("api.test"),
            "location /put { client_body_in_file_only clean; proxy_pass http://127.0.0.1:1; } location /len { return 200 $content_length; }"
        );
        await using TestServer server = new(async socket =>
        {
            string head = await TestServer.ReadUntilAsync(socket, "\r\n\r\n");
            string body = await TestServer.ReadUntilAsync(socket, "0\r\n\r\n");
            await TestServer.SendAllAsync(
                socket,
                $"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{(head.Contains("chunked", StringComparison.Ordinal) && body.Contains("hello", StringComparison.Ordinal) ? "yes" : "no!")}"
            );
            await TestServer.ReadToEndAsync(socket);
        });
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{server.Port}", $"api.test:{nginx.Port}"));
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port));
        using HttpRequestMessage chunked = new(HttpMethod.Post, $"http://api.test:{server.Port}/")
        {
            Content = JsonContent.Create(new { say = "hello" }),
        };
        chunked.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage answer = await client.SendAsync(chunked);
        Assert.AreEqual("yes", await answer.Content.ReadAsStringAsync());
        using HttpClient sized = Clients.Http(host.Expose("api.test", nginx.Port));
        using HttpResponseMessage length = await sized.PostAsync(
            $"http://api.test:{nginx.Port}/len",
            new ByteArrayContent(new byte[300_000])
        );
        Assert.AreEqual("300000", await length.Content.ReadAsStringAsync());
    }

    [TestMethod]
    [DataRow("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", "names 'evil.test'", DisplayName = "N5 another Host")]
    [DataRow(
        "GET http://evil.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n",
        "names 'evil.test'",
        DisplayName = "N5 another host in the target"
    )]
    [DataRow("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2 without TLS", DisplayName = "HTTP/2 without TLS")]
    [DataRow("GET /\r\n\r\n", "request line", DisplayName = "HTTP/0.9")]
    public async Task Request_Refused_Gets403AndNeverReachesTheServer(string request, string reason)
    {
        int bytes = 0;
        await using TestServer server = new(async socket => Interlocked.Add(ref bytes, (await TestServer.ReadToEndAsync(socket)).Length));
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("api.test", server.Port);
        await TestServer.SendAllAsync(agent, request);
        agent.Shutdown(SocketShutdown.Send);
        string answer = await TestServer.ReadToEndAsync(agent);
        Assert.StartsWith("HTTP/1.1 403 Forbidden\r\n", answer);
        JsonNode body = JsonNode.Parse(answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..])!;
        Assert.AreEqual("network.allowed_endpoints", (string?)body["rule"]);
        Assert.Contains(reason, (string)body["reason"]!);
        Assert.Contains(reason, host.Sink.Blocked.Single().Reason);
        Assert.AreEqual(0, bytes);
    }

    [TestMethod]
    [TestProperty("Case", "N6")]
    public async Task SecondRequestWithAnotherHost_IsRefused()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{nginx.Port}"));
        using Socket agent = await host.ConnectAsync("api.test", nginx.Port);
        await TestServer.SendAllAsync(
            agent,
            $"GET /1 HTTP/1.1\r\nHost: api.test:{nginx.Port}\r\n\r\nGET /2 HTTP/1.1\r\nHost: evil.test\r\n\r\n"
        );
        string answer = await TestServer.ReadToEndAsync(agent);
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer);
        Assert.Contains("uri=/1", answer);
        Assert.Contains("HTTP/1.1 403 Forbidden\r\n", answer);
        Assert.DoesNotContain("uri=/2", answer);
        Assert.HasCount(1, host.Sink.Blocked);
    }

    [TestMethod]
    [TestProperty("Case", "N15")]
    public async Task Redirect_SecondHopIsJudgedAsAnyOther()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"), "location /go { return 302 http://other.test/; }");
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{nginx.Port}"));
        (int code, string output) = await Clients.CurlAsync(host.Expose("api.test", nginx.Port), "-L", $"http://api.test:{nginx.Port}/go");
        Assert.AreEqual(0, code, output);
        Assert.Contains("blocked by policy", output);
        Assert.Contains("'other.test'", host.Sink.Blocked.Single().Reason);
    }

    [TestMethod]
    public async Task Request_OfferOfHttp2_IsNotPassedOn()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{nginx.Port}"));
        (int code, string output) = await Clients.CurlAsync(
            host.Expose("api.test", nginx.Port),
            "--http2",
            $"http://api.test:{nginx.Port}/"
        );
        Assert.AreEqual(0, code, output);
        Assert.Contains("protocol=HTTP/1.1", output);
    }

    [TestMethod]
    [TestProperty("Case", "N17")]
    public async Task HeadWithoutEnd_IsBounded()
    {
        await using TestServer server = new(TestServer.EchoAsync);
        await using BrokerHost host = new(
            BrokerHost.Allow($"api.test:{server.Port}"),
            BrokerHost.Loopback with
            {
                HeadTimeout = TimeSpan.FromSeconds(1),
            }
        );
        using Socket large = await host.ConnectAsync("api.test", server.Port);
        await TestServer.SendAllAsync(large, "GET / HTTP/1.1\r\nHost: api.test\r\nX: ");
        try
        {
            await TestServer.SendAllAsync(
                large,
                new byte[1 << 20]
                    .Select(_ => (byte)'x')
                    .ToArray()
            );
        }
        catch (SocketException)
        {
            // The answer came first.
        }

        Assert.Contains("longer than 65536 bytes", (await host.Sink.NextBlockedAsync()).Reason);
        using Socket slow = await host.ConnectAsync("api.test", server.Port);
        await TestServer.SendAllAsync(slow, "GET / HTTP/1.1\r\nHost:");
        await Assert.ThrowsExactlyAsync<SocketException>(() => TestServer.ReadToEndAsync(slow));
    }

    [TestMethod]
    public async Task WebSocket_BecomesAStream()
    {
        await using TestServer server = new(async socket =>
        {
            await TestServer.ReadUntilAsync(socket, "\r\n\r\n");
            await TestServer.SendAllAsync(socket, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
            await TestServer.EchoAsync(socket);
        });
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("api.test", server.Port);
        await TestServer.SendAllAsync(agent, "GET / HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 101", await TestServer.ReadUntilAsync(agent, "\r\n\r\n"));
        await TestServer.SendAllAsync(agent, "\u0081\u0002hi");
        agent.Shutdown(SocketShutdown.Send);
        Assert.AreEqual("\u0081\u0002hi", await TestServer.ReadToEndAsync(agent));
        Assert.AreEqual(101, host.Sink.Allowed.Single().Status);
    }

    [TestMethod]
    public async Task Server_AnswersWhatWasNoRequestForUs_IsCut()
    {
        await using TestServer server = new(async socket =>
        {
            await socket.ReceiveAsync(new byte[100]);
            await TestServer.SendAllAsync(socket, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
            await TestServer.ReadToEndAsync(socket);
        });
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("api.test", server.Port);
        await TestServer.SendAllAsync(agent, "\u0001GET / HTTP/1.1\nHost: evil.test\n\n");
        await Assert.ThrowsExactlyAsync<SocketException>(() => TestServer.ReadToEndAsync(agent));
        Assert.Contains("The server speaks HTTP", (await host.Sink.NextBlockedAsync()).Reason);
    }

    [TestMethod]
    [TestProperty("Case", "N9")]
    public async Task NameThatLeadsToThisMachine_IsRefusedWithAReason()
    {
        await using TestServer server = new(TestServer.EchoAsync);
        await using BrokerHost host = new(new Policies.NetworkPolicy { AllowedEndpoints = [$"api.test:{server.Port}"] });
        (int code, string output) = await Clients.CurlAsync(host.Expose("api.test", server.Port), $"http://api.test:{server.Port}/");
        Assert.AreEqual(0, code, output);
        Assert.Contains("'api.test' leads to 127.0.0.1, which is loopback", (string)JsonNode.Parse(output)!["reason"]!);
        Assert.AreEqual(0, server.Count);
        Assert.HasCount(1, host.Sink.Blocked);
    }

    [TestMethod]
    [DataRow("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", DisplayName = "sized")]
    [DataRow("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf", DisplayName = "chunked")]
    public async Task Server_DropsMidAnswer_AgentSeesNoWholeAnswer(string answer)
    {
        await using TestServer server = new(async socket =>
        {
            await TestServer.ReadUntilAsync(socket, "\r\n\r\n");
            await TestServer.SendAllAsync(socket, answer);
        });
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{server.Port}"));
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port));
        await Assert.ThrowsExactlyAsync<HttpRequestException>(() => client.GetStringAsync($"http://api.test:{server.Port}/"));
        Assert.AreEqual("The answer's body has no end", (await host.Sink.NextClosedAsync()).Error);
    }

    [TestMethod]
    public async Task Server_ClosesAKeptConnection_AgentSeesItBeforeItsNextRequest()
    {
        await using TestServer server = new(async socket =>
        {
            await TestServer.ReadUntilAsync(socket, "\r\n\r\n");
            await TestServer.SendAllAsync(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("api.test", server.Port);
        await TestServer.SendAllAsync(agent, "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n");
        Assert.EndsWith("ok", await TestServer.ReadToEndAsync(agent));
    }

    [TestMethod]
    public async Task Server_AnswersEarlyAndCloses_AgentGetsTheAnswer()
    {
        await using TestServer server = new(async socket =>
        {
            await TestServer.ReadUntilAsync(socket, "\r\n\r\n");
            await TestServer.SendAllAsync(socket, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
            socket.Shutdown(SocketShutdown.Send);
            await TestServer.ReadToEndAsync(socket);
        });
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("api.test", server.Port);
        await TestServer.SendAllAsync(agent, "POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1000000\r\n\r\nbegin");
        Assert.EndsWith("big", await TestServer.ReadUntilAsync(agent, "big"));
    }

    [TestMethod]
    public async Task Upload_OverTheLimit_Gets403ThatNamesTheKey()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{nginx.Port}") with { MaxUploadBytes = 10_000 });
        (_, string output) = await Clients.CurlAsync(
            host.Expose("api.test", nginx.Port),
            "-H",
            $"X: {new string('x', 20_000)}",
            $"http://api.test:{nginx.Port}/"
        );
        Assert.Contains("\"rule\":\"network.max_upload_bytes\"", output);
        Assert.AreEqual(0, host.Broker.BytesSent);
    }

    [TestMethod]
    public async Task Server_NotThere_Is502AndNoViolation()
    {
        int port = Nginx.FreePort();
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{port}"));
        using HttpClient client = Clients.Http(host.Expose("api.test", port));
        using HttpResponseMessage answer = await client.GetAsync($"http://api.test:{port}/");
        Assert.AreEqual(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Contains("ConnectionRefused", await answer.Content.ReadAsStringAsync());
        Assert.AreEqual("127.0.0.1 does not answer (ConnectionRefused)", (await host.Sink.NextClosedAsync()).Error);
        Assert.IsEmpty(host.Sink.Blocked);
    }
}
