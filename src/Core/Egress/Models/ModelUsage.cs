using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Models;

/// <summary>One use of a model, as its answer counts it. Named after OpenTelemetry's conventions for generative AI.</summary>
/// <param name="Target">Where the model is; <c>server.address</c> and <c>server.port</c>.</param>
/// <param name="OperationName"><c>gen_ai.operation.name</c>: <c>chat</c>, <c>text_completion</c>, <c>embeddings</c>.</param>
/// <param name="ProviderName">
/// <c>gen_ai.provider.name</c>, after the form of the interface: <c>openai</c>, <c>azure.ai.openai</c>, <c>anthropic</c>,
/// <c>gcp.gemini</c>, <c>ollama</c>, <c>aws.bedrock</c>.
/// </param>
/// <param name="RequestModel"><c>gen_ai.request.model</c>; null where the request names none.</param>
/// <param name="ResponseModel"><c>gen_ai.response.model</c>; null where the answer names none.</param>
/// <param name="InputTokens"><c>gen_ai.usage.input_tokens</c>, cached ones included.</param>
/// <param name="OutputTokens"><c>gen_ai.usage.output_tokens</c>.</param>
internal sealed record ModelUsage(
    EgressTarget Target,
    string OperationName,
    string ProviderName,
    string? RequestModel,
    string? ResponseModel,
    long InputTokens,
    long OutputTokens
)
{
    public long TotalTokens => InputTokens + OutputTokens;
}
