using System.Collections.Frozen;
using System.IO.Compression;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using IsolatedAgents.Egress.Credentials;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Egress.Tests.Credentials;

/// <summary>
/// A server that gives a credential back, in whatever part of its answer, gives the agent its placeholder, and that is told.
/// </summary>
[TestClass]
public sealed class ReturnedCredentialTests
{
    private const string Key = "sk-real-0123456789";

    private static readonly TestAuthority Authority = new();

    [TestMethod]
    [DataRow("1.1")]
    [DataRow("2.0")]
    public async Task Server_ThatEchoes_GivesThePlaceholder(string version)
    {
        string coded = Convert.ToBase64String(Encoding.ASCII.GetBytes($"u:{Key}"));
        string body = $"{{\"authorization\":\"Bearer {Key}\",\"coded\":\"{coded}\"}}";
        await using TestServer server = new(socket => AnswerAsync(socket, async (tls, head) =>
            {
                Assert.Contains(Key, head);
                await WriteAsync(
                    tls,
                    $"HTTP/1.1 200 OK {Key}\r\nX-Echo: a {Key} b\r\nX-{Key}: 1\r\nTrailer: X-Last\r\nTransfer-Encoding: chunked\r\n\r\n"
                );
                foreach (char[] piece in body.Chunk(5))
                {
                    await WriteAsync(tls, $"{piece.Length:x}\r\n{new string(piece)}\r\n");
                }

                await WriteAsync(tls, $"0\r\nX-Last: {Key}\r\n\r\n");
            }));
        await using Fixture fixture = new(server.Port);
        using HttpResponseMessage answer = await fixture.SendAsync(HttpMethod.Get, "/echo", version);
        string got = await answer.Content.ReadAsStringAsync();
        string everything = $"{answer.ReasonPhrase}\n{answer.Headers}\n{answer.TrailingHeaders}\n{got}";
        Assert.DoesNotContain(Key, everything);
        Assert.DoesNotContain(coded[4..20], everything);
        Assert.Contains($"Bearer {fixture.Placeholder}", got);
        Assert.AreEqual($"a {fixture.Placeholder} b", answer.Headers.GetValues("X-Echo").Single());
        Assert.AreEqual(fixture.Placeholder, answer.TrailingHeaders.GetValues("X-Last").Single());
        Assert.AreEqual(
            "body, headers, status line, trailers",
            string.Join(
                ", ",
                fixture.Host.Sink.Blocked.Select(told => told.Reason.Split("in its ")[1].Split(';')[0]).Order(StringComparer.Ordinal)
            )
        );
        Assert.IsTrue(
            fixture.Host.Sink.Blocked.All(told =>
                told.Rule == "network.credentials" && told.Reason.Contains("'GET /echo'", StringComparison.Ordinal)
            )
        );
    }

    [TestMethod]
    [DataRow("gzip")]
    [DataRow("br")]
    [DataRow("deflate")]
    public async Task Server_ThatCompressesAllTheSame_IsOpened(string encoding)
    {
        await using TestServer server = new(socket => AnswerAsync(socket, async (tls, head) =>
            {
                Assert.Contains("Accept-Encoding: identity", head);
                using MemoryStream compressed = new();
                await using (
                    Stream into = encoding switch
                    {
                        "gzip" => new GZipStream(compressed, CompressionLevel.Fastest, true),
                        "br" => new BrotliStream(compressed, CompressionLevel.Fastest, true),
                        _ => new ZLibStream(compressed, CompressionLevel.Fastest, true),
                    }
                )
                {
                    await into.WriteAsync(Encoding.ASCII.GetBytes($"key: {Key}."));
                }

                await WriteAsync(tls, $"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {compressed.Length}\r\n\r\n");
                await tls.WriteAsync(compressed.ToArray());
            }));
        await using Fixture fixture = new(server.Port);
        using HttpResponseMessage answer = await fixture.SendAsync(HttpMethod.Get, "/", "1.1");
        Assert.AreEqual($"key: {fixture.Placeholder}.", await answer.Content.ReadAsStringAsync());
        Assert.IsEmpty(answer.Content.Headers.ContentEncoding);
    }

    [TestMethod]
    public async Task Server_ThatCompressesSoThatNobodyCanLook_IsRefused()
    {
        await using TestServer server = new(socket =>
            AnswerAsync(socket, (tls, _) => WriteAsync(tls, "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 3\r\n\r\nabc"))
        );
        await using Fixture fixture = new(server.Port);
        using HttpResponseMessage answer = await fixture.SendAsync(HttpMethod.Get, "/", "1.1");
        Assert.AreEqual(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Contains("'zstd'", fixture.Host.Sink.Blocked.Single().Reason);
    }

    [TestMethod]
    public async Task Stream_StaysLive()
    {
        using SemaphoreSlim goOn = new(0);
        await using TestServer server = new(socket => AnswerAsync(socket, async (tls, _) =>
            {
                await WriteAsync(tls, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
                foreach (string piece in (string[])["data: a\n\n", "data: s", "k-real-", "0123456789\n\n"])
                {
                    await WriteAsync(tls, $"{piece.Length:x}\r\n{piece}\r\n");
                    await goOn.WaitAsync();
                }

                await WriteAsync(tls, "0\r\n\r\n");
            }));
        await using Fixture fixture = new(server.Port);
        using HttpResponseMessage answer = await fixture.SendAsync(HttpMethod.Get, "/", "1.1");
        using Stream body = await answer.Content.ReadAsStreamAsync();
        byte[] buffer = new byte[100];
        Assert.AreEqual(
            "data: a\n\n",
            Encoding.ASCII.GetString(buffer, 0, await body.ReadAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(20)))
        );
        goOn.Release();
        Assert.AreEqual(
            "data: ",
            Encoding.ASCII.GetString(buffer, 0, await body.ReadAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(20)))
        );
        goOn.Release(10);
        using StreamReader rest = new(body);
        Assert.AreEqual($"{fixture.Placeholder}\n\n", await rest.ReadToEndAsync());
    }

    [TestMethod]
    public async Task WebSocket_Messages_AreSearchedAcrossFrames()
    {
        await using TestServer server = new(socket => AnswerAsync(socket, async (tls, head) =>
            {
                string key = head.Split("\r\n")
                    .Single(line => line.StartsWith("Sec-WebSocket-Key:", StringComparison.OrdinalIgnoreCase))[18..]
                    .Trim();
                await WriteAsync(
                    tls,
                    $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {Accept(key)}\r\n\r\n"
                );
                using WebSocket end = WebSocket.CreateFromStream(tls, new WebSocketCreationOptions { IsServer = true });
                await end.SendAsync(Encoding.ASCII.GetBytes("key " + Key[..7]), WebSocketMessageType.Text, false, CancellationToken.None);
                await end.SendAsync(Encoding.ASCII.GetBytes(Key[7..] + "!"), WebSocketMessageType.Text, true, CancellationToken.None);
                await end.CloseAsync(WebSocketCloseStatus.NormalClosure, Key, CancellationToken.None);
            }));
        await using Fixture fixture = new(server.Port);
        using ClientWebSocket client = await Clients.WebSocketAsync(
            fixture.Port,
            Clients.Roots(fixture.Host.Broker.AuthorityPem!),
            new Uri($"wss://api.test:{server.Port}/")
        );
        StringBuilder text = new();
        byte[] buffer = new byte[1000];
        while (
            await client.ReceiveAsync(buffer, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(20))
                is { MessageType: not WebSocketMessageType.Close } part
        )
        {
            text.Append(Encoding.ASCII.GetString(buffer, 0, part.Count));
        }

        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        Assert.AreEqual($"key {fixture.Placeholder}!", text.ToString());
        Assert.AreEqual(fixture.Placeholder, client.CloseStatusDescription);
        Assert.HasCount(1, fixture.Host.Sink.Blocked);
    }

    [TestMethod]
    [DataRow("TRACE", "")]
    [DataRow("TRACE", "* /*")]
    [DataRow("trace", "")]
    public async Task Trace_WithoutARule_IsRefused(string method, string allow)
    {
        await using TestServer server = new(socket =>
            AnswerAsync(socket, (tls, head) => WriteAsync(tls, $"HTTP/1.1 200 OK\r\nContent-Length: {head.Length}\r\n\r\n{head}"))
        );
        await using Fixture fixture = new(server.Port, allow);
        using HttpResponseMessage answer = await fixture.SendAsync(new HttpMethod(method), "/", "1.1");
        Assert.AreEqual(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.AreEqual("network.credentials", fixture.Host.Sink.Blocked.Single().Rule);
        Assert.AreEqual(0, server.Count);
    }

    [TestMethod]
    public async Task Trace_WithARule_PassesWithoutTheCredential()
    {
        await using TestServer server = new(socket =>
            AnswerAsync(socket, (tls, head) => WriteAsync(tls, $"HTTP/1.1 200 OK\r\nContent-Length: {head.Length}\r\n\r\n{head}"))
        );
        await using Fixture fixture = new(server.Port, "TRACE /*");
        using HttpResponseMessage answer = await fixture.SendAsync(HttpMethod.Trace, "/", "1.1");
        Assert.Contains($"Bearer {fixture.Placeholder}", await answer.Content.ReadAsStringAsync());
    }

    [TestMethod]
    [DataRow("method")]
    [DataRow("header")]
    public async Task Placeholder_AsNameOfAHeaderOrMethod_IsRefused(string place)
    {
        await using TestServer server = new(socket =>
            AnswerAsync(socket, (tls, _) => WriteAsync(tls, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        );
        await using Fixture fixture = new(server.Port);
        string[] arguments = place == "method" ? ["-X", fixture.Placeholder] : ["-H", $"{fixture.Placeholder}: 1"];
        (_, string output) = await Clients.CurlAsync(fixture.Port, ["-k", "--http1.1", .. arguments, $"https://api.test:{server.Port}/"]);
        Assert.Contains("network.credentials", output);
        Assert.AreEqual("network.credentials", fixture.Host.Sink.Blocked.Single().Rule);
        Assert.AreEqual(0, server.Count);
    }

    private static async Task WriteAsync(SslStream tls, string text)
    {
        await tls.WriteAsync(Encoding.ASCII.GetBytes(text));
        await tls.FlushAsync();
    }

    private static async Task AnswerAsync(Socket socket, Func<SslStream, string, Task> answer)
    {
        using SslStream tls = new(new NetworkStream(socket));
        await tls.AuthenticateAsServerAsync(Authority.Sign("api.test"));
        StringBuilder head = new();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await tls.ReadAsync(one) > 0)
        {
            head.Append((char)one[0]);
        }

        await answer(tls, head.ToString());
        await TestServer.ReadToEndAsync(socket);
    }

#pragma warning disable CA5350 // RFC 6455, 4.2.2, names it, and no security rests on it.
    private static string Accept(string key) =>
        Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350

    private sealed class Fixture : IAsyncDisposable
    {
        private readonly HttpClient _client;
        private readonly int _server;

        public Fixture(int server, string allow = "")
        {
            _server = server;
            string rules = allow.Length > 0 ? $", \"allow\": [\"{allow}\"]" : "";
            string file = Path.GetTempFileName();
            File.WriteAllText(
                file,
                $$"""
                { "network": { "allowed_endpoints": ["api.test:{{server}}", "127.0.0.1"], "inspect": [{ "endpoint": "api.test:{{server}}"{{rules}} }],
                  "credentials": [{ "endpoint": "api.test:{{server}}", "header": "Authorization", "from_env": "K" }] } }
                """
            );
            LoadedPolicy loaded = PolicyLoader.Load(file, Path.GetTempPath(), null, []);
            File.Delete(file);
            EgressCredentials credentials = EgressCredentials.Resolve(
                loaded,
                new Dictionary<string, string> { ["K"] = Key }.ToFrozenDictionary()
            );
            Placeholder = credentials.Environment["K"];
            Host = new BrokerHost(
                loaded.Policy.Network,
                BrokerHost.Loopback with
                {
                    TrustedRoots = Authority.Roots,
                    Credentials = credentials,
                }
            );
            Port = Host.Expose("api.test", server);
            _client = Clients.Http(Port, Clients.Roots(Host.Broker.AuthorityPem!));
        }

        public BrokerHost Host { get; }

        public string Placeholder { get; }

        public int Port { get; }

        public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string version)
        {
            using HttpRequestMessage request = new(method, $"https://api.test:{_server}{path}")
            {
                Version = Version.Parse(version),
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        }

        public async ValueTask DisposeAsync()
        {
            _client.Dispose();
            await Host.DisposeAsync();
        }
    }
}
