using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Egress.Tests;

/// <summary>
/// A server that answers before it has read the request is heard, whatever it does with the rest, and however much of it there is.
/// </summary>
[TestClass]
public sealed class EarlyAnswerTests
{
    private const string Body = "{\"error\":\"no\"}";

    private static readonly TestAuthority Authority = new();

    public enum Server
    {
        ClosesAtOnce,
        ClosesAfterAWhile,
        Drains,
    }

    public static IEnumerable<object[]> Cases() =>
        from server in Enum.GetValues<Server>()
        from bytes in (int[])[300_000, 3_000_000, 30_000_000]
        from isInspected in (bool[])[false, true]
        select new object[] { server, bytes, isInspected };

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public async Task Answer_BeforeTheBodyIsRead_ReachesTheAgent(Server kind, int bytes, bool isInspected)
    {
        foreach ((int status, bool hasLength) in ((int, bool)[])[(401, true), (413, true), (429, false)])
        {
            await using TestServer server = new(socket => ServeAsync(socket, kind, isInspected, status, hasLength));
            await using BrokerHost host = Host(server.Port, isInspected);
            (string head, string rest) = await AskAsync(host, server.Port, bytes, isInspected);
            Assert.Contains($"HTTP/1.1 {status} ", head, $"{status}: {head} {rest}");
            Assert.Contains(Body, rest);
            Assert.AreEqual(status, host.Sink.Allowed.Single().Status);
        }
    }

    [TestMethod]
    [DataRow(300_000)]
    [DataRow(30_000_000)]
    public async Task Answer_OfNginxInHttp2_ReachesTheAgent(int bytes)
    {
        await using Nginx nginx = await Nginx.StartAsync(
            Authority.Sign("api.test"),
            "location /large { client_max_body_size 1k; proxy_pass http://127.0.0.1:1; }"
        );
        await using BrokerHost host = Host(nginx.TlsPort, isInspected: true);
        foreach (string version in (string[])["1.1", "2.0"])
        {
            using HttpClient client = Clients.Http(host.Expose("api.test", nginx.TlsPort), Clients.Roots(host.Broker.AuthorityPem!));
            using HttpRequestMessage request = new(HttpMethod.Post, $"https://api.test:{nginx.TlsPort}/large")
            {
                Content = new ByteArrayContent(new byte[bytes]),
                Version = Version.Parse(version),
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            request.Headers.ExpectContinue = version == "1.1";
            using HttpResponseMessage answer = await client.SendAsync(request);
            Assert.AreEqual(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode, version);
        }
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public async Task Expect_IsAskedOfTheServer(bool isInspected)
    {
        TaskCompletionSource<string> body = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = new(socket => SpeakAsync(socket, isInspected, async stream =>
            {
                string head = await ReadHeadAsync(stream);
                Assert.Contains("Expect: 100-continue", head);
                if (head.StartsWith("POST /no", StringComparison.Ordinal))
                {
                    await WriteAsync(stream, $"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    body.TrySetResult($"{await ReadAsync(stream, new byte[1])}");
                    return;
                }

                await WriteAsync(stream, "HTTP/1.1 100 Continue\r\n\r\n");
                byte[] bytes = new byte[4];
                await stream.ReadExactlyAsync(bytes);
                await WriteAsync(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n" + Encoding.ASCII.GetString(bytes)
                );
            }));
        await using BrokerHost host = Host(server.Port, isInspected);
        int port = host.Expose("api.test", server.Port);
        string scheme = isInspected ? "https" : "http";
        (_, string yes) = await Clients.CurlAsync(
            port,
            "-k",
            "--http1.1",
            "-H",
            "Expect: 100-continue",
            "-d",
            "body",
            $"{scheme}://api.test:{server.Port}/yes"
        );
        Assert.AreEqual("body", yes);
        (_, string no) = await Clients.CurlAsync(
            port,
            "-k",
            "--http1.1",
            "-H",
            "Expect: 100-continue",
            "-d",
            "body",
            "-w",
            "%{http_code} %{size_upload}",
            $"{scheme}://api.test:{server.Port}/no"
        );
        Assert.AreEqual("401 0", no);
        Assert.AreEqual("0", await body.Task.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public async Task Trailers_PassBothWays(bool isInspected)
    {
        await using TestServer server = new(socket => SpeakAsync(socket, isInspected, async stream =>
            {
                await ReadHeadAsync(stream);
                string rest = await ReadHeadAsync(stream);
                bool hasTrailer = rest.Contains("0\r\nx-sum: 42\r\n", StringComparison.OrdinalIgnoreCase);
                await WriteAsync(
                    stream,
                    $"HTTP/1.1 200 OK\r\nTrailer: X-End\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{(hasTrailer ? "yes" : "no!")}\r\n0\r\nX-End: 7\r\n\r\n"
                );
                _ = await stream.ReadAsync(new byte[1]);
            }));
        await using BrokerHost host = Host(server.Port, isInspected);
        using Socket socket = await host.ConnectAsync("api.test", server.Port);
        using Stream agent = await AgentAsync(host, socket, isInspected);
        await WriteAsync(
            agent,
            $"POST / HTTP/1.1\r\nHost: api.test:{server.Port}\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n"
        );
        await ReadHeadAsync(agent);
        string answer = await ReadHeadAsync(agent);
        Assert.Contains("yes", answer);
        Assert.Contains("X-End: 7", answer);
    }

    [TestMethod]
    public async Task Answer_ThatSucceedsEarly_DoesNotStopTheBody()
    {
        const int Bytes = 1_000_000;
        await using TestServer server = new(socket => SpeakAsync(socket, isTls: true, async stream =>
            {
                await ReadHeadAsync(stream);
                await WriteAsync(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
                byte[] buffer = new byte[Bytes];
                await stream.ReadExactlyAsync(buffer);
                await WriteAsync(stream, "3\r\nall\r\n0\r\n\r\n");
                _ = await stream.ReadAsync(buffer);
            }));
        await using BrokerHost host = Host(server.Port, isInspected: true);
        (string head, string rest) = await AskAsync(host, server.Port, Bytes, isInspected: true);
        Assert.Contains("200 OK", head);
        Assert.Contains("all", rest);
    }

    private static BrokerHost Host(int port, bool isInspected) =>
        new(
            BrokerHost.Allow($"api.test:{port}") with
            {
                Inspect = isInspected ? [new InspectedEndpoint($"api.test:{port}", [])] : [],
            },
            BrokerHost.Loopback with
            {
                TrustedRoots = Authority.Roots,
            }
        );

    /// <summary>Sends a large body and reads at the same time, as clients do that look for an early answer.</summary>
    private static async Task<(string Head, string Text)> AskAsync(BrokerHost host, int port, int bytes, bool isInspected)
    {
        using Socket socket = await host.ConnectAsync("api.test", port);
        using Stream agent = await AgentAsync(host, socket, isInspected);
        await WriteAsync(agent, $"POST /upload HTTP/1.1\r\nHost: api.test:{port}\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n");
        Task sending = SendAsync(agent, bytes);
        string head = await ReadHeadAsync(agent);
        StringBuilder rest = new();
        byte[] buffer = new byte[1000];
        try
        {
            while (
                !rest.ToString().Contains(Body, StringComparison.Ordinal)
                && await agent.ReadAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(30)) is var read and > 0
            )
            {
                rest.Append(Encoding.ASCII.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
            // What came, came.
        }

        socket.Dispose();
        await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return (head, rest.ToString());
    }

    private static async Task SendAsync(Stream agent, int bytes)
    {
        byte[] piece = new byte[64 * 1024];
        for (int left = bytes; left > 0; left -= piece.Length)
        {
            await agent.WriteAsync(piece.AsMemory(0, Math.Min(left, piece.Length)));
        }
    }

    private static async Task<Stream> AgentAsync(BrokerHost host, Socket socket, bool isInspected)
    {
        if (!isInspected)
        {
            return new NetworkStream(socket);
        }

        SslStream tls = new(new NetworkStream(socket));
        System.Security.Cryptography.X509Certificates.X509ChainPolicy trust = new()
        {
            TrustMode = System.Security.Cryptography.X509Certificates.X509ChainTrustMode.CustomRootTrust,
            RevocationMode = System.Security.Cryptography.X509Certificates.X509RevocationMode.NoCheck,
        };
        trust.CustomTrustStore.AddRange(Clients.Roots(host.Broker.AuthorityPem!));
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "api.test", CertificateChainPolicy = trust });
        return tls;
    }

    private static Task ServeAsync(Socket socket, Server kind, bool isTls, int status, bool hasLength) =>
        SpeakAsync(socket, isTls, async stream =>
        {
            await ReadHeadAsync(stream);
            if (kind == Server.ClosesAfterAWhile)
            {
                byte[] some = new byte[256 * 1024];
                await stream.ReadExactlyAsync(some);
                await Task.Delay(500);
            }

            string framing = hasLength ? $"Content-Length: {Body.Length}\r\nConnection: close" : "Connection: close";
            await WriteAsync(stream, $"HTTP/1.1 {status} No\r\n{framing}\r\n\r\n{Body}");
            if (kind == Server.Drains)
            {
                // The end of the answer, and all that still comes.
                if (stream is SslStream tls)
                {
                    await tls.ShutdownAsync();
                }
                else
                {
                    socket.Shutdown(SocketShutdown.Send);
                }

                byte[] buffer = new byte[64 * 1024];
                while (await ReadAsync(stream, buffer) > 0) { }
            }
        });

    /// <summary>Reads on; 0 where the other side has ended, cleanly or not.</summary>
    private static async Task<int> ReadAsync(Stream stream, byte[] buffer)
    {
        try
        {
            return await stream.ReadAsync(buffer);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static async Task SpeakAsync(Socket socket, bool isTls, Func<Stream, Task> speak)
    {
        // As servers do: what is held back is lost when they close with unread bytes.
        socket.NoDelay = true;
        if (!isTls)
        {
            await speak(new NetworkStream(socket));
            return;
        }

        using SslStream tls = new(new NetworkStream(socket));
        await tls.AuthenticateAsServerAsync(Authority.Sign("api.test"));
        await speak(tls);
    }

    private static async Task WriteAsync(Stream stream, string text)
    {
        await stream.WriteAsync(Encoding.ASCII.GetBytes(text));
        await stream.FlushAsync();
    }

    private static async Task<string> ReadHeadAsync(Stream stream)
    {
        StringBuilder head = new();
        byte[] one = new byte[1];
        while (
            !head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal)
            && await stream.ReadAsync(one).AsTask().WaitAsync(TimeSpan.FromSeconds(30)) > 0
        )
        {
            head.Append((char)one[0]);
        }

        return head.ToString();
    }
}
