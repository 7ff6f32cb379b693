using System.Text;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Policies.Requests;

namespace IsolatedAgents.Egress.Tests;

/// <summary>What answers of model interfaces say about their use, however they are cut into pieces.</summary>
[TestClass]
public sealed class UsageScannerTests
{
    private static readonly EgressTarget Target = new("llm.test", 443);

    [TestMethod]
    [DataRow(
        "/v1/chat/completions",
        "application/json",
        """{"model":"m1","choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":9}"},"usage":{"prompt_tokens":99}}],"usage":{"prompt_tokens":5,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":3}}}""",
        "chat openai m1 5 7"
    )]
    [DataRow(
        "/openai/v1/embeddings",
        "application/json",
        """{ "usage" : { "prompt_tokens" : 8 , "total_tokens" : 8 } , "model" : "e" }""",
        "embeddings openai e 8 0"
    )]
    [DataRow(
        "/v1/responses",
        "text/event-stream",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"model\":\"m2\",\"usage\":{\"input_tokens\":11,\"output_tokens\":13}}}\n\n",
        "chat openai m2 11 13"
    )]
    [DataRow(
        "/v1/messages",
        "text/event-stream",
        "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"c1\",\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":100,\"cache_creation_input_tokens\":20,\"output_tokens\":1}}}\r\n\r\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":42}}\r\n\r\n",
        "chat anthropic c1 130 42"
    )]
    [DataRow(
        "/v1beta/models/m:streamGenerateContent",
        "application/json",
        "[{\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":1}}\n,\r\n{\"modelVersion\":\"g\",\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":2}}]",
        "chat gcp.gemini g 3 7"
    )]
    public void Usage_OfKnownInterfaces_IsRead(string path, string mediaType, string answer, string expected)
    {
        foreach (int size in (int[])[1, 7, 100_000])
        {
            UsageScanner scanner = new(Target, ModelRoute.Find("POST", path)!, path);
            foreach (byte[] piece in Encoding.UTF8.GetBytes("""{"messages":[{"model":"no"}],"model":"asked"}""").Chunk(size))
            {
                scanner.Sent(piece);
            }

            scanner.Answered(true, mediaType, _ => null);
            foreach (byte[] piece in Encoding.UTF8.GetBytes(answer).Chunk(size))
            {
                scanner.Received(piece);
            }

            ModelUsage usage = scanner.Usage!;
            Assert.AreEqual(
                expected,
                $"{usage.OperationName} {usage.ProviderName} {usage.ResponseModel} {usage.InputTokens} {usage.OutputTokens}"
            );
            Assert.AreEqual("asked", usage.RequestModel);
        }
    }

    [TestMethod]
    [DataRow("{\"error\":{}}")]
    [DataRow("[[[[[[[[[[")]
    [DataRow("}}}}]]]],,,:::\"")]
    [DataRow("")]
    public void Usage_OfOtherText_IsNone(string answer)
    {
        UsageScanner scanner = new(Target, ModelRoute.Find("POST", "/v1/messages")!, "/v1/messages");
        scanner.Answered(true, "application/json", _ => null);
        scanner.Received(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(answer, 100))));
        Assert.IsNull(scanner.Usage);
    }
}
