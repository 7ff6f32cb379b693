namespace IsolatedAgents.Egress.Models;

/// <summary>Which operation of the common model interfaces a request is.</summary>
/// <param name="Name"><c>gen_ai.operation.name</c>.</param>
/// <param name="Provider"><c>gen_ai.provider.name</c>, after the interface's form.</param>
internal sealed record ModelOperation(string Name, string Provider)
{
    private static readonly (string Path, ModelOperation Operation)[] Known =
    [
        ("/chat/completions", new ModelOperation("chat", "openai")),
        ("/completions", new ModelOperation("text_completion", "openai")),
        ("/responses", new ModelOperation("chat", "openai")),
        ("/embeddings", new ModelOperation("embeddings", "openai")),
        ("/messages", new ModelOperation("chat", "anthropic")),
    ];

    /// <summary>Null where it is none. Gateways put the interfaces below paths of their own, so the end of the path decides.</summary>
    public static ModelOperation? Of(string method, string path)
    {
        if (method == "POST")
        {
            foreach ((string end, ModelOperation operation) in Known)
            {
                if (path.EndsWith(end, StringComparison.Ordinal))
                {
                    return operation;
                }
            }
        }

        return null;
    }
}
