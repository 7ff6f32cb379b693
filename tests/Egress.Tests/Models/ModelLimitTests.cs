using System.Net;
using System.Text;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Requests;

namespace IsolatedAgents.Egress.Tests.Models;

/// <summary>
/// Where a limit of tokens holds, nothing goes to a model that is not counted, and nothing that may break the limit goes beside something
/// else.
/// </summary>
[TestClass]
public sealed class ModelLimitTests
{
    private static readonly TestAuthority Authority = new();

    [TestMethod]
    [DataRow("POST", "/v1/chat/completions", "openai")]
    [DataRow("POST", "/chat/completions", "openai")]
    [DataRow("POST", "/gateway/v1/responses", "openai")]
    [DataRow("POST", "/openai/deployments/gpt/chat/completions", "azure.ai.openai")]
    [DataRow("POST", "/v1/messages", "anthropic")]
    [DataRow("POST", "/v1beta/models/gemini-2.5-pro:streamGenerateContent", "gcp.gemini")]
    [DataRow("POST", "/api/generate", "ollama")]
    [DataRow("POST", "/model/anthropic.claude-v1%3A0/converse-stream", "aws.bedrock")]
    [DataRow("GET", "/v1/chat/completions", null)]
    [DataRow("POST", "/v1/chat/completions/", null)]
    [DataRow("POST", "/v1/Chat/Completions", null)]
    [DataRow("POST", "/v1/messages/batches", null)]
    [DataRow("POST", "/v1beta/models/m:batchGenerateContent", null)]
    [DataRow("GET", "/v1/realtime", null)]
    public void Route_IsFoundByItsPlainPathAlone(string method, string path, string? provider) =>
        Assert.AreEqual(provider, ModelRoute.Find(method, path)?.Provider);

    [TestMethod]
    [DataRow("/v1/chat/completions/")]
    [DataRow("/v1/Chat/Completions")]
    [DataRow("/v1/chat/completion%73")]
    [DataRow("/v1/chat/completions;x")]
    [DataRow("/v1/chat;x=1/completions")]
    [DataRow("/v1//chat/completions")]
    [DataRow("/v1/x/../chat/completions")]
    [DataRow("/v1/chat%2Fcompletions")]
    [DataRow("/v1/chat\\completions")]
    [DataRow("/v1beta/models/m%3AgenerateContent")]
    [DataRow("/v1beta/models/m:GENERATECONTENT")]
    [DataRow("/v1/chat/completions%20")]
    [DataRow("/v1/audio/speech")]
    public async Task Request_ThatIsNotPlainOrNotKnown_IsRefusedWhereALimitHolds(string path)
    {
        await using ModelServer server = new(Authority);
        await using BrokerHost host = Host(server.Port, limit: 1000, uncounted: ["POST /v1/files*", "GET /v1/models*"]);
        (int code, string output) = await Clients.CurlAsync(
            host.Expose("api.test", server.Port),
            "-k",
            "--path-as-is",
            "-d",
            """{"model":"m"}""",
            "-w",
            "%{http_code}",
            $"https://api.test:{server.Port}{path}"
        );
        Assert.AreEqual(0, code, output);
        Assert.EndsWith("403", output);
        (_, string reason, string rule) = host.Sink.Blocked.Single();
        Assert.AreEqual("limits.max_model_tokens", rule);
        Assert.Contains(path, reason);
        Assert.AreEqual(0, server.Whole);
    }

    [TestMethod]
    public async Task Request_ListedAsUncounted_PassesAndADisguisedOneDoesNot()
    {
        await using ModelServer server = new(Authority);
        await using BrokerHost host = Host(server.Port, limit: 1000, uncounted: ["* /*"]);
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port), Clients.Roots(host.Broker.AuthorityPem!));
        Assert.AreEqual(HttpStatusCode.OK, (await client.GetAsync($"https://api.test:{server.Port}/v1/models")).StatusCode);
        Assert.AreEqual(HttpStatusCode.OK, (await PostAsync(client, server.Port, "/v1/files")).StatusCode);
        Assert.AreEqual(HttpStatusCode.Forbidden, (await PostAsync(client, server.Port, "/v1/Chat/Completions")).StatusCode);
        client.DefaultRequestHeaders.TryAddWithoutValidation("X-HTTP-Method-Override", "POST");
        Assert.AreEqual(HttpStatusCode.Forbidden, (await client.GetAsync($"https://api.test:{server.Port}/v1/files")).StatusCode);

        // A star does not make uncounted what can be counted.
        client.DefaultRequestHeaders.Clear();
        Assert.AreEqual(HttpStatusCode.OK, (await PostAsync(client, server.Port, "/v1/chat/completions")).StatusCode);
        Assert.HasCount(1, host.Sink.Usages);
    }

    [TestMethod]
    [DataRow("""{"model":"m"}""", DisplayName = "no bound")]
    [DataRow("""{"model":"m","max_tokens":50,"n":8}""", DisplayName = "a bound, times n")]
    [DataRow("""{"model":"m","max_tokens":1e3}""", DisplayName = "a bound as a fraction")]
    public async Task Requests_SixtyAtOnce_WaitForEachOther(string body)
    {
        await using ModelServer server = new(Authority, () => Task.Delay(20));
        await using BrokerHost host = Host(server.Port, limit: 450);
        int port = host.Expose("api.test", server.Port);
        using HttpClient client = Clients.Http(port, Clients.Roots(host.Broker.AuthorityPem!));
        HttpResponseMessage[] answers = await Task.WhenAll(
            Enumerable.Range(0, 60).Select(_ => PostAsync(client, server.Port, "/v1/chat/completions", body))
        );

        // Each uses 18: the 26th breaks the limit, and none follows it.
        Assert.AreEqual(26, server.Whole);
        Assert.AreEqual(1, server.MostOpen);
        Assert.AreEqual(26, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
        Assert.AreEqual((468L, 450L), host.Sink.Exceeded.Single());
        Assert.IsEmpty(host.Sink.Blocked);
    }

    [TestMethod]
    public async Task Requests_ThatFitBesideEachOther_DoNotWait()
    {
        using SemaphoreSlim goOn = new(0);
        await using ModelServer server = new(Authority, () => goOn.WaitAsync());
        await using BrokerHost host = Host(server.Port, limit: 10_000);
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port), Clients.Roots(host.Broker.AuthorityPem!));
        Task<HttpResponseMessage>[] asked =
        [
            .. Enumerable
                .Range(0, 4)
                .Select(_ => PostAsync(client, server.Port, "/v1/chat/completions", """{"model":"m","max_tokens":100}""")),
        ];
        while (server.Whole < 4)
        {
            await Task.Delay(10);
        }

        goOn.Release(4);
        await Task.WhenAll(asked);
    }

    [TestMethod]
    public async Task Request_LargerThanABuffer_IsHeldBeforeItsEnd()
    {
        using SemaphoreSlim goOn = new(0);
        await using ModelServer server = new(Authority, () => goOn.WaitAsync());
        await using BrokerHost host = Host(server.Port, limit: 100_000);
        using HttpClient client = Clients.Http(host.Expose("api.test", server.Port), Clients.Roots(host.Broker.AuthorityPem!));
        string large = $$"""{"model":"m","messages":["{{new string('x', 200_000)}}"],"max_tokens":90000}""";
        Task<HttpResponseMessage> first = PostAsync(client, server.Port, "/v1/chat/completions", large);
        while (server.Whole < 1)
        {
            await Task.Delay(10);
        }

        Task<HttpResponseMessage> second = PostAsync(client, server.Port, "/v1/chat/completions", large);
        Assert.AreNotEqual(second, await Task.WhenAny(second, Task.Delay(200)));
        Assert.AreEqual(1, server.Whole);
        goOn.Release(2);
        Assert.AreEqual(HttpStatusCode.OK, (await first).StatusCode);
        Assert.AreEqual(HttpStatusCode.OK, (await second).StatusCode);
        Assert.AreEqual(1, server.MostOpen);
    }

    [TestMethod]
    public async Task WebSocket_ListedAsUncounted_IsOneOfTheRequestsThatPass()
    {
        await using ModelServer server = new(Authority);
        await using BrokerHost host = Host(server.Port, limit: 100, uncounted: ["GET /v1/realtime"]);
        int port = host.Expose("api.test", server.Port);
        using System.Net.WebSockets.ClientWebSocket listed = await Clients.WebSocketAsync(
            port,
            Clients.Roots(host.Broker.AuthorityPem!),
            new Uri($"wss://api.test:{server.Port}/v1/realtime")
        );
        Assert.AreEqual(HttpStatusCode.OK, listed.HttpStatusCode, "The server takes no WebSockets, and was asked.");
        using System.Net.WebSockets.ClientWebSocket other = await Clients.WebSocketAsync(
            port,
            Clients.Roots(host.Broker.AuthorityPem!),
            new Uri($"wss://api.test:{server.Port}/v1/other")
        );
        Assert.AreEqual(HttpStatusCode.Forbidden, other.HttpStatusCode);
    }

    private static BrokerHost Host(int port, long limit, params string[] uncounted) =>
        new(
            BrokerHost.Allow($"api.test:{port}") with
            {
                Inspect = [new InspectedEndpoint($"api.test:{port}", []) { Uncounted = [.. uncounted] }],
            },
            BrokerHost.Loopback with
            {
                TrustedRoots = Authority.Roots,
            },
            limits: new LimitsPolicy { MaxModelTokens = limit }
        );

    private static async Task<HttpResponseMessage> PostAsync(HttpClient client, int port, string path, string body = """{"model":"m"}""")
    {
        using StringContent content = new(body, Encoding.UTF8, "application/json");
        return await client.PostAsync($"https://api.test:{port}{path}", content);
    }
}
