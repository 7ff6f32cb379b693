using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IsolatedAgents.Egress.Tests.Models;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Egress.Tests;

/// <summary>Many requests over few connections are counted, bounded and told as what they are: connections to servers.</summary>
[TestClass]
[DoNotParallelize] // Another test counts this process's descriptors, and these open hundreds.
public sealed class FanOutTests
{
    private static readonly TestAuthority Authority = new();

    [TestMethod]
    public async Task Requests_BesideEachOther_CountAsConnections()
    {
        const int Most = 10;
        using SemaphoreSlim goOn = new(0);
        await using ModelServer server = new(Authority, () => goOn.WaitAsync());
        await using BrokerHost host = Host(server.Port, Most);
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port), Clients.Roots(host.Broker.AuthorityPem!));
        Task<HttpResponseMessage>[] asked = [.. Enumerable.Range(0, 20).Select(i => SendAsync(client, server.Port, $"/v1/{i}"))];
        for (int i = 0; i < Most; i++)
        {
            Assert.AreEqual("network.max_connections", (await host.Sink.NextBlockedAsync()).Rule);
        }

        while (server.Whole < Most)
        {
            await Task.Delay(10);
        }

        goOn.Release(Most);
        HttpResponseMessage[] answers = await Task.WhenAll(asked);
        Assert.AreEqual(Most, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
        Assert.AreEqual(Most, answers.Count(answer => answer.StatusCode == HttpStatusCode.Forbidden));

        // What has ended counts no more.
        goOn.Release(Most);
        Assert.AreEqual(HttpStatusCode.OK, (await SendAsync(client, server.Port, "/v1/again")).StatusCode);
    }

    [TestMethod]
    public async Task Streams_OfAConnection_AreBoundedInItsSettings()
    {
        using SemaphoreSlim goOn = new(0);
        await using ModelServer server = new(Authority, () => goOn.WaitAsync());
        await using BrokerHost host = Host(server.Port, 1024);
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port), Clients.Roots(host.Broker.AuthorityPem!));
        Assert.AreEqual(HttpStatusCode.OK, await FirstAsync());
        Task<HttpResponseMessage>[] asked = [.. Enumerable.Range(0, 250).Select(i => SendAsync(client, server.Port, $"/v1/{i}"))];
        while (server.Whole < 101)
        {
            await Task.Delay(10);
        }

        goOn.Release(250);
        HttpResponseMessage[] answers = await Task.WhenAll(asked);
        Assert.IsTrue(answers.All(answer => answer.StatusCode == HttpStatusCode.OK), "A client that heeds SETTINGS is not refused.");
        Assert.IsLessThanOrEqualTo(100, server.MostOpen);
        Assert.IsEmpty(host.Sink.Blocked);

        // Before it has seen SETTINGS, a client may open more.
        async Task<HttpStatusCode> FirstAsync()
        {
            goOn.Release();
            return (await SendAsync(client, server.Port, "/v1/first")).StatusCode;
        }
    }

    [TestMethod]
    public async Task Request_ThatIsNeverAnswered_IsToldWithMethodAndPath()
    {
        TaskCompletionSource came = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = new(async socket =>
        {
            using SslStream tls = new(new NetworkStream(socket));
            await tls.AuthenticateAsServerAsync(Authority.Sign("api.test"));
            _ = await tls.ReadAsync(new byte[4096]);
            came.TrySetResult();
            await TestServer.ReadToEndAsync(socket);
        });
        await using BrokerHost host = Host(server.Port, 10);
        using (Socket socket = await host.ConnectAsync("api.test", server.Port))
        {
            using SslStream agent = await AgentAsync(host, socket);
            await agent.WriteAsync(Encoding.ASCII.GetBytes($"DELETE /v1/thing?x=1 HTTP/1.1\r\nHost: api.test:{server.Port}\r\n\r\n"));
            await came.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }

        await host.Sink.NextClosedAsync();
        EgressRequest told = host.Sink.Allowed.Single();
        Assert.AreEqual("DELETE /v1/thing  True", $"{told.Method} {told.Path} {told.Status} {told.IsInspected}");
    }

    [TestMethod]
    [DataRow("GET / HTTP/1.1\r\nHost : api.test\r\n\r\n")]
    [DataRow("POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1, 2\r\n\r\nab")]
    [DataRow("POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n")]
    [DataRow("GET / HTTP/1.1\r\nHost: api.test\r\nX: a\r\n b\r\n\r\n")]
    [DataRow("GET / HTTP/1.1\r\nHost: api.test\r\nHost: other.test\r\n\r\n")]
    [DataRow("GET / HTTP/1.1\r\n\r\n")]
    public async Task Request_ThatIsNoHttp_IsAnswered400AndTold(string request)
    {
        await using TestServer server = new(TestServer.EchoAsync);
        await using BrokerHost host = Host(server.Port, 10);
        using Socket socket = await host.ConnectAsync("api.test", server.Port);
        using SslStream agent = await AgentAsync(host, socket);
        await agent.WriteAsync(Encoding.ASCII.GetBytes(request));
        byte[] buffer = new byte[1000];
        int read = await agent.ReadAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.StartsWith("HTTP/1.1 400 ", Encoding.ASCII.GetString(buffer, 0, read));
        (_, string reason, string rule) = await host.Sink.NextBlockedAsync();
        Assert.AreEqual("network.allowed_endpoints", rule);
        Assert.StartsWith("What was sent as HTTP is none", reason);
        Assert.AreEqual(0, server.Count);
    }

    private static BrokerHost Host(int port, int most) =>
        new(
            BrokerHost.Allow($"api.test:{port}") with
            {
                Inspect = [new InspectedEndpoint($"api.test:{port}", [])],
                MaxConnections = most,
            },
            BrokerHost.Loopback with
            {
                TrustedRoots = Authority.Roots,
            }
        );

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, int port, string path)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, $"https://api.test:{port}{path}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        return await client.SendAsync(request);
    }

    private static async Task<SslStream> AgentAsync(BrokerHost host, Socket socket)
    {
        SslStream tls = new(new NetworkStream(socket));
        X509ChainPolicy trust = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.AddRange(Clients.Roots(host.Broker.AuthorityPem!));
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "api.test", CertificateChainPolicy = trust });
        return tls;
    }
}
