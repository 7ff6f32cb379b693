using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace IsolatedAgents.Egress.Tests;

/// <summary>TLS that is not opened: the ClientHello must name what was asked for.</summary>
[TestClass]
public sealed class TlsTests
{
    private static readonly TestAuthority Authority = new();

    [TestMethod]
    public async Task Tls_RightName_ReachesTheServerUnopened()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{nginx.TlsPort}"));
        using HttpClient client = Clients.Http(host.Expose("api.test", nginx.TlsPort), Authority.Roots);
        using HttpRequestMessage request = new(HttpMethod.Get, $"https://api.test:{nginx.TlsPort}/x")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using HttpResponseMessage answer = await client.SendAsync(request);
        Assert.Contains("protocol=HTTP/2.0", await answer.Content.ReadAsStringAsync());
        EgressRequest told = host.Sink.Allowed.Single();
        Assert.AreEqual(("TLS", (string?)null, "127.0.0.1"), (told.Protocol, told.Path, told.Address));
    }

    [TestMethod]
    [TestProperty("Case", "N5")]
    [DataRow("evil.test", "names 'evil.test', but the connection was made to 'api.test:")]
    [DataRow("api.test.evil.test", "names 'api.test.evil.test'")]
    [DataRow("", "names no server")]
    public async Task TlsOtherName_IsCutBeforeAnyByteLeaves(string name, string reason)
    {
        int bytes = 0;
        await using TestServer server = new(async socket => Interlocked.Add(ref bytes, (await TestServer.ReadToEndAsync(socket)).Length));
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{server.Port}"));
        using Socket agent = await host.ConnectAsync("api.test", server.Port);
        using SslStream tls = new(new NetworkStream(agent));
        await Assert.ThrowsAsync<IOException>(() => tls.AuthenticateAsClientAsync(name));
        Assert.Contains(reason, (await host.Sink.NextBlockedAsync()).Reason);
        Assert.AreEqual(0, bytes);
    }

    [TestMethod]
    public async Task Tls_ToAnAddress_NeedsNoName()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("127.0.0.1"));
        await using BrokerHost host = new(BrokerHost.Allow($"127.0.0.1:{nginx.TlsPort}"));
        using HttpClient client = Clients.Http(host.Expose("127.0.0.1", nginx.TlsPort), Authority.Roots);
        Assert.Contains("host=127.0.0.1", await client.GetStringAsync($"https://127.0.0.1:{nginx.TlsPort}/"));
    }

    [TestMethod]
    public async Task Tls_HelloInTinySegments_IsRead()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{nginx.TlsPort}"));
        using Socket agent = await host.ConnectAsync("api.test", nginx.TlsPort);
        byte[] hello = ClientHelloTests.Hello("api.test");
        foreach (byte[] piece in hello.Chunk(7))
        {
            await TestServer.SendAllAsync(agent, piece);
            await Task.Yield();
        }

        byte[] answer = new byte[1];
        Assert.AreEqual(1, await agent.ReceiveAsync(answer).WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.AreEqual(0x16, answer[0], "A ServerHello.");
    }

    [TestMethod]
    public async Task WebPort_NeitherTlsNorHttp_IsCut()
    {
        IPAddress address = IPAddress.Parse("127.0.0.77");
        using TcpListener listener = new(address, 443);
        listener.Start();
        EgressOptions options = BrokerHost.Loopback with { Resolver = (_, _) => ValueTask.FromResult<IPAddress[]>([address]) };
        await using BrokerHost host = new(new Policies.NetworkPolicy { AllowedEndpoints = ["api.test", "127.0.0.0/8"] }, options);
        using Socket agent = await host.ConnectAsync("api.test", 443);
        await TestServer.SendAllAsync(agent, "SSH-2.0-x\r\n");
        await Assert.ThrowsExactlyAsync<SocketException>(() => TestServer.ReadToEndAsync(agent));
        Assert.Contains("Neither TLS nor HTTP", (await host.Sink.NextBlockedAsync()).Reason);
    }

    [TestMethod]
    public async Task Download_WithCurl_OverTls_ArrivesWhole()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"), "location /big { try_files $uri =404; }");
        nginx.AddFile("big", 256L << 20);
        await using BrokerHost host = new(BrokerHost.Allow($"api.test:{nginx.TlsPort}"));
        Stopwatch clock = Stopwatch.StartNew();
        (int code, string output) = await Clients.CurlAsync(
            host.Expose("api.test", nginx.TlsPort),
            "-k",
            "-o",
            "/dev/null",
            "-w",
            "%{size_download}",
            $"https://api.test:{nginx.TlsPort}/big"
        );
        Assert.AreEqual((0, "268435456"), (code, output), $"{clock.Elapsed}");
    }
}
