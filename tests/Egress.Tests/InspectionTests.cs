using System.Collections.Frozen;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Egress.Credentials;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Tests;

/// <summary>TLS that is opened on the way: requests are judged, credentials set, models counted.</summary>
[TestClass]
public sealed class InspectionTests
{
    private const string RealKey = "sk-real-0123456789";

    private static readonly TestAuthority Authority = new();

    [TestMethod]
    [DataRow("1.1", "2.0")]
    [DataRow("2.0", "2.0")]
    public async Task Request_Allowed_PassesInBothVersions(string version, string upstream)
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = Host(nginx.TlsPort, "GET /v1/*");
        using HttpClient client = Clients.Http(host.Expose("api.test", nginx.TlsPort), Clients.Roots(host.Broker.AuthorityPem!));
        using HttpRequestMessage request = new(HttpMethod.Get, $"https://api.test:{nginx.TlsPort}/v1/models?x=1")
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using HttpResponseMessage answer = await client.SendAsync(request);
        string body = await answer.Content.ReadAsStringAsync();
        Assert.AreEqual(version, answer.Version.ToString());
        Assert.Contains($"protocol=HTTP/{upstream}", body);
        Assert.Contains("uri=/v1/models?x=1", body);
        EgressRequest told = host.Sink.Allowed.Single();
        Assert.AreEqual("HTTP GET /v1/models 200 True", $"{told.Protocol} {told.Method} {told.Path} {told.Status} {told.IsInspected}");
    }

    [TestMethod]
    public async Task Request_WithCurl_TrustsTheRunsAuthority()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = Host(nginx.TlsPort);
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, host.Broker.AuthorityPem);
        (int code, string output) = await Clients.CurlAsync(
            host.Expose("api.test", nginx.TlsPort),
            "--cacert",
            file,
            $"https://api.test:{nginx.TlsPort}/a",
            $"https://api.test:{nginx.TlsPort}/b"
        );
        Assert.AreEqual(0, code, output);
        Assert.Contains("uri=/b", output);
        (int untrusted, _) = await Clients.CurlAsync(host.Expose("api.test", nginx.TlsPort), $"https://api.test:{nginx.TlsPort}/a");
        Assert.AreEqual(60, untrusted);
        File.Delete(file);
    }

    [TestMethod]
    [DataRow("POST", "/v1/models")]
    [DataRow("GET", "/v2/models")]
    [DataRow("GET", "/v1/../v2")]
    [DataRow("GET", "/v1/%2e%2e/v2")]
    [DataRow("GET", "/v1//v2")]
    public async Task Request_NotAmongTheRules_Gets403(string method, string path)
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = Host(nginx.TlsPort, "GET /v1/*");
        (int code, string output) = await Clients.CurlAsync(
            host.Expose("api.test", nginx.TlsPort),
            "-k",
            "--path-as-is",
            "-X",
            method,
            "-w",
            "%{http_code}",
            $"https://api.test:{nginx.TlsPort}{path}"
        );
        Assert.AreEqual(0, code, output);
        Assert.EndsWith("403", output);
        Assert.Contains("\"rule\":\"network.inspect\"", output);
        Assert.AreEqual("network.inspect", host.Sink.Blocked.Single().Rule);
        Assert.IsEmpty(host.Sink.Allowed);
    }

    [TestMethod]
    public async Task Request_OtherHostInside_IsRefused()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = Host(nginx.TlsPort);
        foreach (string version in (string[])["--http1.1", "--http2"])
        {
            (_, string output) = await Clients.CurlAsync(
                host.Expose("api.test", nginx.TlsPort),
                "-k",
                version,
                "-H",
                "Host: evil.test",
                $"https://api.test:{nginx.TlsPort}/"
            );
            Assert.Contains("names 'evil.test'", output.Replace("\\u0027", "'", StringComparison.Ordinal));
        }

        Assert.HasCount(2, host.Sink.Blocked);
    }

    [TestMethod]
    public async Task Connection_NotTls_IsRefused()
    {
        await using BrokerHost host = Host(4433);
        (_, string output) = await Clients.CurlAsync(host.Expose("api.test", 4433), "http://api.test:4433/");
        Assert.Contains("Not TLS", output);
        Assert.AreEqual("network.inspect", host.Sink.Blocked.Single().Rule);
    }

    [TestMethod]
    public async Task Server_WithAForeignCertificate_GetsNoRequest()
    {
        await using Nginx wrongName = await Nginx.StartAsync(Authority.Sign("other.test"));
        await AssertUnverifiedAsync(wrongName.TlsPort);
        await using Nginx wrongAuthority = await Nginx.StartAsync(new TestAuthority().Sign("api.test"));
        await AssertUnverifiedAsync(wrongAuthority.TlsPort);
        await using Nginx expired = await Nginx.StartAsync(Authority.Sign("api.test", DateTimeOffset.UnixEpoch.AddYears(51)));
        await AssertUnverifiedAsync(expired.TlsPort);

        static async Task AssertUnverifiedAsync(int port)
        {
            await using BrokerHost host = Host(port);
            using HttpClient client = Clients.Http(host.Expose("api.test", port), Clients.Roots(host.Broker.AuthorityPem!));
            using HttpResponseMessage answer = await client.GetAsync($"https://api.test:{port}/");
            Assert.AreEqual(HttpStatusCode.BadGateway, answer.StatusCode);
            Assert.Contains("identity could not be verified", await answer.Content.ReadAsStringAsync());
            Assert.IsEmpty(host.Sink.Allowed);
        }
    }

    [TestMethod]
    [DataRow("--http1.1")]
    [DataRow("--http2")]
    public async Task Server_DropsMidAnswer_AgentSeesNoWholeAnswer(string version)
    {
        await using TestServer server = new(async socket =>
        {
            using SslStream tls = new(new NetworkStream(socket));
            await tls.AuthenticateAsServerAsync(Authority.Sign("api.test"));
            _ = await tls.ReadAsync(new byte[4096]);
            await tls.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"u8.ToArray());
            await tls.FlushAsync();
        });
        await using BrokerHost host = Host(server.Port);
        (int code, string output) = await Clients.CurlAsync(
            host.Expose("api.test", server.Port),
            "-k",
            version,
            $"https://api.test:{server.Port}/"
        );
        Assert.AreNotEqual(0, code, output);
        Assert.Contains("The exchange with the server failed", (await host.Sink.NextClosedAsync()).Error ?? "");
    }

    [TestMethod]
    public async Task Upload_OverTheLimit_IsCutAndTold()
    {
        await using Nginx nginx = await Nginx.StartAsync(
            Authority.Sign("api.test"),
            "location /body { proxy_pass http://127.0.0.1:PLAIN/; }"
        );
        NetworkPolicy network = BrokerHost.Allow($"api.test:{nginx.TlsPort}") with
        {
            Inspect = [new InspectedEndpoint($"api.test:{nginx.TlsPort}", [])],
            MaxUploadBytes = 50_000,
        };
        await using BrokerHost host = new(network, BrokerHost.Loopback with { TrustedRoots = Authority.Roots });
        using HttpClient client = Clients.Http(host.Expose("api.test", nginx.TlsPort), Clients.Roots(host.Broker.AuthorityPem!));
        await Assert.ThrowsExactlyAsync<HttpRequestException>(() =>
            client.PostAsync($"https://api.test:{nginx.TlsPort}/body", new ByteArrayContent(new byte[2_000_000]))
        );
        Assert.AreEqual("network.max_upload_bytes", (await host.Sink.NextBlockedAsync()).Rule);
    }

    [TestMethod]
    public async Task Requests_ManyAtOnce_AllPass()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("api.test"));
        await using BrokerHost host = Host(nginx.TlsPort);
        int port = host.Expose("api.test", nginx.TlsPort);
        await Task.WhenAll(
            Enumerable
                .Range(0, 20)
                .Select(async i =>
                {
                    using HttpClient client = Clients.Http(port, Clients.Roots(host.Broker.AuthorityPem!));
                    string[] answers = await Task.WhenAll(
                        Enumerable.Range(0, 10).Select(j => client.GetStringAsync($"https://api.test:{nginx.TlsPort}/{i}/{j}"))
                    );
                    Assert.IsTrue(
                        answers.Select((answer, j) => answer.Contains($"uri=/{i}/{j}\n", StringComparison.Ordinal)).All(isRight => isRight)
                    );
                })
        );
        Assert.HasCount(200, host.Sink.Allowed);
    }

    [TestMethod]
    public async Task Credential_IsSetOutside_AndItsPlaceholderGoesNowhereElse()
    {
        await using Nginx nginx = await Nginx.StartAsync(
            Authority.Sign("api.test"),
            "location /body { proxy_pass http://127.0.0.1:PLAIN/; } location /is { if ($http_authorization = 'Bearer "
                + RealKey
                + "') { return 200 real; } return 200 $http_authorization; }"
        );
        EgressCredentials credentials = Credentials(nginx.TlsPort);
        string placeholder = credentials.Environment["API_KEY"];
        await using BrokerHost host = Host(nginx.TlsPort, credentials, new LimitsPolicy());
        using HttpClient client = Clients.Http(host.Expose("api.test", nginx.TlsPort), Clients.Roots(host.Broker.AuthorityPem!));
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Bearer {placeholder}");
        Assert.AreEqual("real", await client.GetStringAsync($"https://api.test:{nginx.TlsPort}/is"));
        client.DefaultRequestHeaders.Clear();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Bearer somebody-elses");
        Assert.AreEqual("real", await client.GetStringAsync($"https://api.test:{nginx.TlsPort}/is"));
        client.DefaultRequestHeaders.TryAddWithoutValidation("X-Api-Key", placeholder);
        await AssertRefusedAsync(new HttpRequestMessage(HttpMethod.Get, $"https://api.test:{nginx.TlsPort}/header"));
        client.DefaultRequestHeaders.Clear();
        await AssertRefusedAsync(new HttpRequestMessage(HttpMethod.Get, $"https://api.test:{nginx.TlsPort}/?q={placeholder}"));
        await AssertRefusedAsync(
            new HttpRequestMessage(HttpMethod.Post, $"https://api.test:{nginx.TlsPort}/body")
            {
                Content = new StringContent(new string('x', 70_000) + placeholder),
            }
        );
        Assert.IsTrue(host.Sink.Blocked.All(blocked => blocked.Rule == "network.credentials"));

        async Task AssertRefusedAsync(HttpRequestMessage request)
        {
            using HttpResponseMessage answer = await client.SendAsync(request);
            Assert.AreEqual(HttpStatusCode.Forbidden, answer.StatusCode, $"{request.RequestUri}");
            Assert.Contains("placeholder", await answer.Content.ReadAsStringAsync());
            request.Dispose();
        }
    }

    [TestMethod]
    public async Task Credential_PlaceholderInPlainHttpOrAStream_IsRefused()
    {
        string got = "";
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = new(async socket =>
        {
            byte[] first = new byte[100];
            int count = await socket.ReceiveAsync(first);
            got += Encoding.ASCII.GetString(first, 0, count);
            begun.TrySetResult();
            got += await TestServer.ReadToEndAsync(socket);
        });
        EgressCredentials credentials = Credentials(1);
        string placeholder = credentials.Environment["API_KEY"];
        NetworkPolicy network = BrokerHost.Allow($"plain.test:{server.Port}");
        await using BrokerHost host = new(network, BrokerHost.Loopback with { Credentials = credentials });
        (_, string output) = await Clients.CurlAsync(
            host.Expose("plain.test", server.Port),
            "-H",
            $"X: {placeholder}",
            $"http://plain.test:{server.Port}/"
        );
        Assert.Contains("network.credentials", output);
        using Socket agent = await host.ConnectAsync("plain.test", server.Port);
        await TestServer.SendAllAsync(agent, "\u0001\u0002" + placeholder[..20]);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(30));
        try
        {
            await TestServer.SendAllAsync(agent, placeholder[20..]);
            await TestServer.ReadToEndAsync(agent);
        }
        catch (SocketException)
        {
            // Cut.
        }

        await host.Sink.NextBlockedAsync();
        await host.Sink.NextBlockedAsync();
        Assert.DoesNotContain(placeholder, got);
    }

    [TestMethod]
    public void Credential_WithoutItsVariable_IsAConfigurationError()
    {
        LoadedPolicy loaded = Loaded(443);
        ConfigurationException missing = Assert.ThrowsExactly<ConfigurationException>(() =>
            EgressCredentials.Resolve(loaded, FrozenDictionary<string, string>.Empty)
        );
        Assert.Contains("'KEY_ON_HOST', which is not set", missing.Message);
        Assert.AreEqual("IA1003", missing.Diagnostic.Code);
    }

    [TestMethod]
    public async Task Model_Streamed_IsCountedAndLimited()
    {
        await using TestServer server = new(LlmAsync);
        EgressCredentials credentials = Credentials(server.Port);
        await using BrokerHost host = Host(server.Port, credentials, new LimitsPolicy { MaxModelTokens = 50 });
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port), Clients.Roots(host.Broker.AuthorityPem!));
        using StringContent question = new(
            """{"messages":[{"role":"user","content":"model \"x\""}],"model":"gpt-5","stream":true}""",
            Encoding.UTF8,
            "application/json"
        );
        using HttpRequestMessage request = new(HttpMethod.Post, $"https://api.test:{server.Port}/v1/chat/completions")
        {
            Content = question,
        };
        using HttpResponseMessage answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using StreamReader reader = new(await answer.Content.ReadAsStreamAsync());
        Assert.AreEqual("data: {\"model\":\"gpt-5-2026\",\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}", await reader.ReadLineAsync());
        s_goOn.Release();
        Assert.Contains("[DONE]", await reader.ReadToEndAsync());
        await host.Sink.NextExceededAsync();
        Assert.AreEqual(
            new ModelUsage(new EgressTarget("api.test", server.Port), "chat", "openai", "gpt-5", "gpt-5-2026", 40, 20),
            host.Sink.Usages.Single()
        );
        Assert.AreEqual((60L, 50L), host.Sink.Exceeded.Single());
        using HttpResponseMessage refused = await client.PostAsync(
            $"https://api.test:{server.Port}/v1/chat/completions",
            new StringContent("{}")
        );
        Assert.AreEqual(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Contains("limits.max_model_tokens", await refused.Content.ReadAsStringAsync());
    }

    [TestMethod]
    public async Task Model_AnswerThatSaysNoUsage_EndsWhatALimitAllows()
    {
        await using TestServer server = new(socket =>
            SilentLlmAsync(
                socket,
                "data: {\"model\":\"gpt-5\",\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n",
                isWhole: true
            )
        );
        await using BrokerHost host = Host(server.Port, Credentials(server.Port), new LimitsPolicy { MaxModelTokens = 50 });
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port), Clients.Roots(host.Broker.AuthorityPem!));
        Assert.Contains("[DONE]", await AskAsync(client, server.Port, "/v1/chat/completions"));
        string refused = await AskAsync(client, server.Port, "/v1/chat/completions");
        Assert.Contains("stream_options.include_usage", refused);
        Assert.AreEqual("limits.max_model_tokens", (await host.Sink.NextBlockedAsync()).Rule);
        Assert.IsEmpty(host.Sink.Exceeded);
    }

    [TestMethod]
    public async Task Model_AnswerThatSaysNoUsage_GoesOnWithoutALimit()
    {
        await using TestServer server = new(socket =>
            SilentLlmAsync(socket, "data: {\"model\":\"gpt-5\"}\n\ndata: [DONE]\n\n", isWhole: true)
        );
        await using BrokerHost host = Host(server.Port, Credentials(server.Port), new LimitsPolicy());
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port), Clients.Roots(host.Broker.AuthorityPem!));
        for (int i = 0; i < 2; i++)
        {
            Assert.Contains("[DONE]", await AskAsync(client, server.Port, "/v1/chat/completions"));
        }

        Assert.IsEmpty(host.Sink.Blocked);
    }

    [TestMethod]
    public async Task Model_AnswerThatIsBrokenOff_IsCountedByItsBytes()
    {
        await using TestServer server = new(socket =>
            SilentLlmAsync(
                socket,
                $"data: {{\"model\":\"gpt-5\",\"choices\":[{{\"delta\":{{\"content\":\"{new string('x', 4000)}\"}}}}]}}\n\n",
                isWhole: false
            )
        );
        await using BrokerHost host = Host(server.Port, Credentials(server.Port), new LimitsPolicy { MaxModelTokens = 50 });
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port), Clients.Roots(host.Broker.AuthorityPem!));
        using HttpRequestMessage request = Question(server.Port, "/v1/chat/completions");
        using (HttpResponseMessage answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            using StreamReader reader = new(await answer.Content.ReadAsStreamAsync());
            await reader.ReadLineAsync();
        }

        Assert.IsGreaterThan(1000L, (await host.Sink.NextExceededAsync()).Used);
        Assert.IsEmpty(host.Sink.Usages);
    }

    private static HttpRequestMessage Question(int port, string path) =>
        new(HttpMethod.Post, $"https://api.test:{port}{path}")
        {
            Content = new StringContent("""{"model":"gpt-5","stream":true}""", Encoding.UTF8, "application/json"),
        };

    private static async Task<string> AskAsync(HttpClient client, int port, string path)
    {
        using HttpRequestMessage request = Question(port, path);
        using HttpResponseMessage answer = await client.SendAsync(request);
        return await answer.Content.ReadAsStringAsync();
    }

    /// <summary>Answers each request with an event stream; one that is not whole goes on until the other side leaves.</summary>
    private static async Task SilentLlmAsync(Socket socket, string events, bool isWhole)
    {
        using SslStream tls = new(new NetworkStream(socket));
        await tls.AuthenticateAsServerAsync(Authority.Sign("api.test"));
        byte[] buffer = new byte[4096];
        StringBuilder got = new();
        while (await tls.ReadAsync(buffer) is var count and > 0)
        {
            got.Append(Encoding.ASCII.GetString(buffer, 0, count));
            if (got.ToString().EndsWith("stream\":true}", StringComparison.Ordinal))
            {
                got.Clear();
                string end = isWhole ? "0\r\n\r\n" : "";
                await tls.WriteAsync(
                    Encoding.ASCII.GetBytes(
                        $"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n{events.Length:x}\r\n{events}\r\n{end}"
                    )
                );
                await tls.FlushAsync();
                try
                {
                    while (!isWhole)
                    {
                        await tls.WriteAsync(Encoding.ASCII.GetBytes($"{events.Length:x}\r\n{events}\r\n"));
                    }
                }
                catch (IOException)
                {
                    return;
                }
            }
        }
    }

    private static readonly SemaphoreSlim s_goOn = new(0);

    /// <summary>Answers as model servers do: an event stream whose second half waits.</summary>
    private static async Task LlmAsync(Socket socket)
    {
        using SslStream tls = new(new NetworkStream(socket));
        await tls.AuthenticateAsServerAsync(Authority.Sign("api.test"));
        byte[] buffer = new byte[4096];
        StringBuilder got = new();
        while (!got.ToString().Contains("stream\":true}", StringComparison.Ordinal))
        {
            got.Append(Encoding.ASCII.GetString(buffer, 0, await tls.ReadAsync(buffer)));
        }

        await SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        await ChunkAsync("data: {\"model\":\"gpt-5-2026\",\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n");
        await s_goOn.WaitAsync();
        await ChunkAsync("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":40,");
        await ChunkAsync("\"completion_tokens\":20,\"total_tokens\":60}}\n\ndata: [DONE]\n\n");
        await SendAsync("0\r\n\r\n");

        async Task ChunkAsync(string text) => await SendAsync($"{text.Length:x}\r\n{text}\r\n");
        async Task SendAsync(string text)
        {
            await tls.WriteAsync(Encoding.ASCII.GetBytes(text));
            await tls.FlushAsync();
        }
    }

    private static BrokerHost Host(int port, params string[] allow) =>
        new(
            BrokerHost.Allow($"api.test:{port}") with
            {
                Inspect = [new InspectedEndpoint($"api.test:{port}", [.. allow])],
            },
            BrokerHost.Loopback with
            {
                TrustedRoots = Authority.Roots,
            }
        );

    private static BrokerHost Host(int port, EgressCredentials credentials, LimitsPolicy limits) =>
        new(
            BrokerHost.Allow($"api.test:{port}") with
            {
                Inspect = [new InspectedEndpoint($"api.test:{port}", [])],
            },
            BrokerHost.Loopback with
            {
                TrustedRoots = Authority.Roots,
                Credentials = credentials,
            },
            limits: limits
        );

    private static EgressCredentials Credentials(int port) =>
        EgressCredentials.Resolve(Loaded(port), new Dictionary<string, string> { ["KEY_ON_HOST"] = RealKey }.ToFrozenDictionary());

    private static LoadedPolicy Loaded(int port)
    {
        string json = $$"""
            { "network": { "allowed_endpoints": ["api.test:{{port}}"], "inspect": [{ "endpoint": "api.test:{{port}}" }],
              "credentials": [{ "endpoint": "api.test:{{port}}", "header": "Authorization", "from_env": "KEY_ON_HOST", "placeholder_env": "API_KEY" }] } }
            """;
        string file = Path.GetTempFileName();
        File.WriteAllText(file, json);
        LoadedPolicy loaded = PolicyLoader.Load(file, Path.GetTempPath(), null, []);
        File.Delete(file);
        return loaded;
    }
}
