using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace IsolatedAgents.Egress.Tests.Models;

/// <summary>
/// Answers as the servers of models do, each in its own interface: "Hello" for 11 tokens in and 7 out. Nothing of it is a client's own
/// code.
/// </summary>
internal sealed class ModelServer : IAsyncDisposable
{
    private readonly TestServer _server;
    private int _whole;
    private int _open;

    /// <param name="authority">Signs for api.test.</param>
    /// <param name="hold">Is awaited before each answer; null for none.</param>
    public ModelServer(TestAuthority authority, Func<Task>? hold = null) =>
        _server = new TestServer(socket => ServeAsync(socket, authority, hold));

    public int Port => _server.Port;

    /// <summary>Requests that came whole.</summary>
    public int Whole => Volatile.Read(ref _whole);

    /// <summary>The most requests that were here whole, and not yet answered, at one time.</summary>
    public int MostOpen { get; private set; }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task ServeAsync(Socket socket, TestAuthority authority, Func<Task>? hold)
    {
        using SslStream tls = new(new NetworkStream(socket));
        await tls.AuthenticateAsServerAsync(authority.Sign("api.test"));
        List<byte> got = [];
        byte[] buffer = new byte[16 * 1024];
        while (await tls.ReadAsync(buffer) is var read and > 0)
        {
            got.AddRange(buffer.AsSpan(0, read));
            string text = Encoding.Latin1.GetString([.. got]);
            int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end < 0 || !IsWhole(text[..end], text[(end + 4)..]))
            {
                continue;
            }

            got.Clear();
            Interlocked.Increment(ref _whole);
            lock (_server)
            {
                MostOpen = Math.Max(MostOpen, ++_open);
            }

            await (hold?.Invoke() ?? Task.CompletedTask);
            lock (_server)
            {
                _open--;
            }

            string path = text.Split(' ')[1];
            (string type, byte[][] pieces) = Answer(
                path[..(path.IndexOf('?', StringComparison.Ordinal) is var query and >= 0 ? query : path.Length)],
                text[end..]
            );
            await SendAsync($"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nTransfer-Encoding: chunked\r\n\r\n");
            foreach (byte[] piece in pieces)
            {
                await SendAsync($"{piece.Length:x}\r\n");
                await tls.WriteAsync(piece);
                await SendAsync("\r\n");
            }

            await SendAsync("0\r\n\r\n");
        }

        async Task SendAsync(string text) => await tls.WriteAsync(Encoding.ASCII.GetBytes(text));
    }

    private static bool IsWhole(string head, string body)
    {
        string? length = head.Split("\r\n").FirstOrDefault(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        return length is not null
            ? body.Length >= int.Parse(length[15..], null)
            : !head.Contains("chunked", StringComparison.OrdinalIgnoreCase) || body.EndsWith("0\r\n\r\n", StringComparison.Ordinal);
    }

    private static (string Type, byte[][] Pieces) Answer(string path, string body)
    {
        const string Json = "application/json";
        bool isStream = body.Contains("\"stream\":true", StringComparison.Ordinal);
        string usage = """{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,"input_tokens":11,"output_tokens":7}""";
        string started =
            $$$"""{"id":"r","object":"response","status":"completed","model":"m-1","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[]}]}],"usage":{{{usage}}}}""";
        return path switch
        {
            _ when path.EndsWith("/chat/completions", StringComparison.Ordinal) && isStream => Events(
                """{"id":"c","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"content":"Hello"}}]}""",
                $$"""{"id":"c","model":"m-1","choices":[],"usage":{{usage}}}""",
                "[DONE]"
            ),
            _ when path.EndsWith("/chat/completions", StringComparison.Ordinal) => One(
                Json,
                $$$"""{"id":"c","model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"}}],"usage":{{{usage}}}}"""
            ),
            "/v1/completions" when isStream => Events(
                """{"model":"m-1","choices":[{"text":"Hello"}]}""",
                $$"""{"model":"m-1","choices":[],"usage":{{usage}}}""",
                "[DONE]"
            ),
            "/v1/completions" => One(Json, $$"""{"model":"m-1","choices":[{"text":"Hello"}],"usage":{{usage}}}"""),
            "/v1/responses" when isStream => Events(
                """{"type":"response.output_text.delta","delta":"Hello"}""",
                $$$"""{"type":"response.completed","response":{{{started}}}}"""
            ),
            "/v1/responses" => One(Json, started),
            "/v1/embeddings" => One(
                Json,
                """{"object":"list","model":"m-1","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":18,"total_tokens":18}}"""
            ),
            "/v1/messages" when isStream => (
                "text/event-stream",
                [
                    Event(
                        "message_start",
                        """{"type":"message_start","message":{"id":"a","type":"message","role":"assistant","model":"m-1","content":[],"usage":{"input_tokens":1,"cache_read_input_tokens":4,"cache_creation_input_tokens":6,"output_tokens":1}}}"""
                    ),
                    Event("content_block_start", """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"""),
                    Event(
                        "content_block_delta",
                        """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"""
                    ),
                    Event("content_block_stop", """{"type":"content_block_stop","index":0}"""),
                    Event("message_delta", """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}"""),
                    Event("message_stop", """{"type":"message_stop"}"""),
                ]
            ),
            "/v1/messages" => One(
                Json,
                """{"id":"a","type":"message","role":"assistant","model":"m-1","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","usage":{"input_tokens":11,"output_tokens":7}}"""
            ),
            _ when path.EndsWith("/models/m:generateContent", StringComparison.Ordinal) => One(Json, Gemini(7)),
            _ when path.EndsWith("/models/m:streamGenerateContent", StringComparison.Ordinal) => Events(
                Gemini(2),
                Gemini(7).Replace("Hello", "", StringComparison.Ordinal)
            ),
            "/api/chat" when isStream => (
                "application/x-ndjson",
                [
                    .. (
                        (string[])
                            [
                                """{"model":"m","message":{"role":"assistant","content":"Hello"},"done":false}""",
                                """{"model":"m","message":{"role":"assistant","content":""},"done":true,"prompt_eval_count":11,"eval_count":7}""",
                            ]
                    ).Select(line => Encoding.UTF8.GetBytes(line + "\n")),
                ]
            ),
            "/api/chat" => One(
                Json,
                """{"model":"m","message":{"role":"assistant","content":"Hello"},"done":true,"prompt_eval_count":11,"eval_count":7}"""
            ),
            _ when path.EndsWith("/converse", StringComparison.Ordinal) => One(
                Json,
                """{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn","usage":{"inputTokens":11,"outputTokens":7,"totalTokens":18},"metrics":{"latencyMs":1}}"""
            ),
            _ when path.EndsWith("/converse-stream", StringComparison.Ordinal) => (
                "application/vnd.amazon.eventstream",
                [
                    Aws("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"text":"Hello"}}"""),
                    Aws("metadata", """{"usage":{"inputTokens":11,"outputTokens":7,"totalTokens":18},"metrics":{"latencyMs":1}}"""),
                ]
            ),
            _ when path.EndsWith("/invoke", StringComparison.Ordinal) => One(
                Json,
                """{"text":"Hello","usage":{"input_tokens":11,"output_tokens":7}}"""
            ),
            _ when path.EndsWith("/invoke-with-response-stream", StringComparison.Ordinal) => (
                "application/vnd.amazon.eventstream",
                [
                    Aws("chunk", Base("""{"text":"Hello"}""")),
                    Aws("chunk", Base("""{"text":"","amazon-bedrock-invocationMetrics":{"inputTokenCount":11,"outputTokenCount":7}}""")),
                ]
            ),
            _ => One(Json, """{"data":[]}"""),
        };

        static string Gemini(int output) =>
            $$$"""{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello"}]}}],"modelVersion":"m-1","usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":{{{output - 1}}},"thoughtsTokenCount":1,"totalTokenCount":{{{output + 11}}}}}""";
        static string Base(string json) =>
            new JsonObject { ["bytes"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(json)) }.ToJsonString();
        static (string, byte[][]) One(string type, string json) => (type, [Encoding.UTF8.GetBytes(json)]);
        static (string, byte[][]) Events(params string[] data) =>
            ("text/event-stream", [.. data.Select(line => Encoding.UTF8.GetBytes($"data: {line}\n\n"))]);
        static byte[] Event(string name, string data) => Encoding.UTF8.GetBytes($"event: {name}\ndata: {data}\n\n");
    }

    /// <summary>One message of Amazon's event streams.</summary>
    private static byte[] Aws(string name, string json)
    {
        using MemoryStream headers = new();
        foreach (
            (string header, string value) in ((string, string)[])
                [(":message-type", "event"), (":event-type", name), (":content-type", "application/json")]
        )
        {
            headers.WriteByte((byte)header.Length);
            headers.Write(Encoding.ASCII.GetBytes(header));
            headers.Write([7, 0, (byte)value.Length]);
            headers.Write(Encoding.ASCII.GetBytes(value));
        }

        byte[] payload = Encoding.UTF8.GetBytes(json);
        byte[] message = new byte[16 + headers.Length + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(message, message.Length);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(4), (int)headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), Crc(message.AsSpan(0, 8)));
        headers.ToArray().CopyTo(message, 12);
        payload.CopyTo(message, 12 + headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(message.Length - 4), Crc(message.AsSpan(0, message.Length - 4)));
        return message;
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 1 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }
        }

        return ~crc;
    }
}
