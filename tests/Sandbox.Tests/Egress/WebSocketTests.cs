using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>WebSockets of inspected endpoints pass, judged as requests, and message by message.</summary>
[TestClass]
public sealed class WebSocketTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string Secret = "sk-very-secret-value";

    private readonly ConcurrentQueue<string> _heads = new();
    private readonly ConcurrentQueue<string> _messages = new();

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task WebSocket_PassesWithTheCredentialSetOutside()
    {
        using EgressHost host = new();
        AgentRunResult result = await RunAsync(host, "/allowed/chat?a=b");
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEqual(
            new[] { "ws connected chat", "ws said hello", "ws large True", "ws closed 4321 bye" },
            host.Lines.ToArray(),
            string.Join('\n', host.Lines)
        );
        string head = Assert.ContainsSingle(_heads);
        Assert.StartsWith("GET /allowed/chat?a=b HTTP/1.1", head);
        Assert.Contains($"Authorization: Bearer {Secret}", head);
        Assert.DoesNotContain("permessage-deflate", head);
        CollectionAssert.AreEqual(new[] { "Text 5", "Binary 1000000", "Close 4321 bye" }, _messages.ToArray());
        NetworkRequest told = Assert.ContainsSingle(host.Requests);
        Assert.AreEqual(("GET", "/allowed/chat", "HTTP", 101), (told.Method, told.Path, told.Protocol, told.ResponseCode ?? 0));
        NetworkClosed closed = Assert.ContainsSingle(host.Sandbox.Events.OfType<NetworkClosed>());
        Assert.IsGreaterThan(1_000_000, Math.Min(closed.Sent, closed.Received));
        Assert.IsNull(closed.Error);
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task WebSocket_PlaceholderInAMaskedFrame_IsRefused()
    {
        using EgressHost host = new();
        AgentRunResult result = await RunAsync(host, "/allowed/leak");
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        CollectionAssert.AreEqual(
            new[] { "ws connected chat", "ws said hello", "ws closed 1008 blocked by policy" },
            host.Lines.ToArray(),
            string.Join('\n', host.Lines)
        );
        Assert.AreEqual("Text 5", string.Join(',', _messages));
        Assert.Contains("placeholder", Assert.ContainsSingle(result.Violations).Reason);
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task WebSocket_NotAmongTheRules_IsRefused()
    {
        using EgressHost host = new();
        AgentRunResult result = await RunAsync(host, "/other");
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.AreEqual("ws NotAWebSocket 403", Assert.ContainsSingle(host.Lines));
        Assert.IsEmpty(_heads);
    }

    private async Task<AgentRunResult> RunAsync(EgressHost host, string target)
    {
        using InspectedServer server = new(ServeAsync);
        DotNetAgent.CopyTo(host.Sandbox.Workspace);
        host.Sandbox.Environment["IA_TEST_API_KEY"] = Secret;
        string credential =
            $$""", "credentials": [{ "endpoint": "{{server.Endpoint}}", "header": "Authorization", "from_env": "IA_TEST_API_KEY", "placeholder_env": "API_KEY" }]""";
        return await host.RunAsync(
            server.Request(host, $"{DotNetAgent.Command} wss://{server.Endpoint}{target}", SandboxHost.ClientsImage, credential),
            Token
        );
    }

    // A server of WebSockets that says back what it hears, and takes leave as its client does.
    private async Task ServeAsync(SslStream tls)
    {
        string head = await InspectedServer.ReadHeadAsync(tls);
        _heads.Enqueue(head);
        string key = head.Split("\r\n")
            .Single(line => line.StartsWith("Sec-WebSocket-Key:", StringComparison.OrdinalIgnoreCase))[18..]
            .Trim();
        await InspectedServer.SendAsync(
            tls,
            $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {Accept(key)}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        );
        using WebSocket socket = WebSocket.CreateFromStream(tls, new WebSocketCreationOptions { IsServer = true, SubProtocol = "chat" });
        byte[] buffer = new byte[100_000];
        try
        {
            for (int length = 0; ; )
            {
                WebSocketReceiveResult part = await socket.ReceiveAsync(buffer, Token);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    _messages.Enqueue($"Close {(int?)part.CloseStatus} {part.CloseStatusDescription}");
                    await socket.CloseOutputAsync(part.CloseStatus ?? WebSocketCloseStatus.Empty, part.CloseStatusDescription, Token);
                    return;
                }

                length += part.Count;
                await socket.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, Token);
                if (part.EndOfMessage)
                {
                    _messages.Enqueue($"{part.MessageType} {length}");
                    length = 0;
                }
            }
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
