using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>The agent used a language model at an inspected endpoint.</summary>
/// <param name="Host">Where the model is.</param>
/// <param name="Port">Port.</param>
/// <param name="Operation"><c>chat</c>, <c>text_completion</c> or <c>embeddings</c>.</param>
/// <param name="Provider">After the form of the interface: <c>openai</c> or <c>anthropic</c>.</param>
/// <param name="RequestModel">The model that was asked for; null where none was named.</param>
/// <param name="ResponseModel">The model that answered; null where none was named.</param>
/// <param name="InputTokens">Tokens read, cached ones included.</param>
/// <param name="OutputTokens">Tokens written.</param>
public sealed record ModelUsed(
    string Host,
    int Port,
    string Operation,
    string Provider,
    string? RequestModel,
    string? ResponseModel,
    long InputTokens,
    long OutputTokens
) : TelemetryEvent(EventCatalog.ModelUsed)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Endpoint(DetailNames.Destination, Host, Port);
        visitor.Text(DetailNames.ModelOperation, Operation);
        visitor.Text(DetailNames.ModelProvider, Provider);
        visitor.Text(DetailNames.RequestModel, RequestModel);
        visitor.Text(DetailNames.ResponseModel, ResponseModel);
        visitor.Number(DetailNames.InputTokens, InputTokens);
        visitor.Number(DetailNames.OutputTokens, OutputTokens);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Host = masker.Mask(Host),
            Operation = masker.Mask(Operation),
            Provider = masker.Mask(Provider),
            RequestModel = masker.Mask(RequestModel),
            ResponseModel = masker.Mask(ResponseModel),
        };
}

/// <summary>The agent has used more tokens of models than the policy allows.</summary>
/// <param name="Used">Input and output tokens of all uses.</param>
/// <param name="Limit">The limit.</param>
/// <param name="Action">What was done about it.</param>
public sealed record ModelLimitExceeded(long Used, long Limit, string Action) : TelemetryEvent(EventCatalog.ModelLimitExceeded)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Number(DetailNames.TokensUsed, Used);
        visitor.Number(DetailNames.TokenLimit, Limit);
        visitor.Text(DetailNames.Action, Action);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}
