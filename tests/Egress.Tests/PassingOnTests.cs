using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Egress.Tests;

/// <summary>Parts of a message reach the other side that the libraries in between would keep or drop.</summary>
[TestClass]
public sealed class PassingOnTests
{
    private static readonly TestAuthority Authority = new();

    [TestMethod]
    [DataRow("1.1")]
    [DataRow("2.0")]
    public async Task Head_OfAnAnswerWhoseBodyIsNotThereYet_ReachesTheAgentAtOnce(string version)
    {
        TaskCompletionSource seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = new(async socket =>
        {
            using SslStream tls = new(new NetworkStream(socket));
            await tls.AuthenticateAsServerAsync(Authority.Sign("api.test"));
            await ReadHeadAsync(tls);
            await WriteAsync(tls, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
            await seen.Task.WaitAsync(TimeSpan.FromSeconds(20));
            await WriteAsync(tls, "ok");
            _ = await tls.ReadAsync(new byte[1]);
        });
        await using BrokerHost host = Host(server.Port);
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port), Clients.Roots(host.Broker.AuthorityPem!));
        using HttpRequestMessage request = new(HttpMethod.Get, $"https://api.test:{server.Port}/")
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using HttpResponseMessage answer = await client
            .SendAsync(request, HttpCompletionOption.ResponseHeadersRead)
            .WaitAsync(TimeSpan.FromSeconds(10));
        seen.SetResult();
        Assert.AreEqual("ok", await answer.Content.ReadAsStringAsync());
    }

    [TestMethod]
    public async Task Trailers_OfARequestToAServerOfHttp2_ReachIt()
    {
        TaskCompletionSource<string> got = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = new(async socket =>
        {
            using SslStream tls = new(new NetworkStream(socket));
            await tls.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions
                {
                    ServerCertificate = Authority.Sign("api.test"),
                    ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
                }
            );
            if (tls.NegotiatedApplicationProtocol == SslApplicationProtocol.Http11)
            {
                await ReadHeadAsync(tls);
                got.TrySetResult(await ReadHeadAsync(tls));
                await WriteAsync(tls, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }

            _ = await tls.ReadAsync(new byte[1]);
        });
        await using BrokerHost host = Host(server.Port);
        using Socket socket = await host.ConnectAsync("api.test", server.Port);
        using SslStream agent = new(new NetworkStream(socket));
        X509ChainPolicy trust = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.AddRange(Clients.Roots(host.Broker.AuthorityPem!));
        await agent.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "api.test", CertificateChainPolicy = trust }
        );
        await WriteAsync(
            agent,
            $"POST / HTTP/1.1\r\nHost: api.test:{server.Port}\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n"
        );
        Assert.StartsWith("HTTP/1.1 200 ", await ReadHeadAsync(agent));
        Assert.Contains("x-sum: 42", (await got.Task.WaitAsync(TimeSpan.FromSeconds(20))).ToLowerInvariant());
    }

    [TestMethod]
    public async Task Streams_BrokenByAServerOfHttp2_AreToldEachWithMethodAndPath()
    {
        await using TestServer server = new(async socket =>
        {
            await TestServer.ReadUntilAsync(socket, "\r\n\r\n");
            await TestServer.SendAllAsync(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        });
        await using Nginx nginx = await Nginx.StartAsync(
            Authority.Sign("api.test"),
            $"location /break {{ proxy_buffering off; proxy_pass http://127.0.0.1:{server.Port}; }}"
        );
        await using BrokerHost host = Host(nginx.TlsPort);
        using (HttpClient client = Clients.Http(host.Expose("api.test", nginx.TlsPort), Clients.Roots(host.Broker.AuthorityPem!)))
        {
            foreach (string name in (string[])["one?x=1", "two"])
            {
                using HttpRequestMessage request = new(HttpMethod.Delete, $"https://api.test:{nginx.TlsPort}/break/{name}")
                {
                    Version = HttpVersion.Version20,
                    VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                };
                await Assert.ThrowsExactlyAsync<HttpRequestException>(() => client.SendAsync(request));
            }
        }

        string told = (await host.Sink.NextClosedAsync()).Error ?? "";
        Assert.Contains("('DELETE /break/one')", told);
        Assert.Contains("('DELETE /break/two')", told);
    }

    private static BrokerHost Host(int port) =>
        new(
            BrokerHost.Allow($"api.test:{port}") with
            {
                Inspect = [new InspectedEndpoint($"api.test:{port}", [])],
            },
            BrokerHost.Loopback with
            {
                TrustedRoots = Authority.Roots,
            }
        );

    private static async Task WriteAsync(Stream stream, string text) => await stream.WriteAsync(Encoding.ASCII.GetBytes(text));

    /// <summary>What comes up to and with an empty line.</summary>
    private static async Task<string> ReadHeadAsync(Stream stream)
    {
        StringBuilder text = new();
        byte[] one = new byte[1];
        while (
            !text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal)
            && await stream.ReadAsync(one).AsTask().WaitAsync(TimeSpan.FromSeconds(20)) > 0
        )
        {
            text.Append((char)one[0]);
        }

        return text.ToString();
    }
}
