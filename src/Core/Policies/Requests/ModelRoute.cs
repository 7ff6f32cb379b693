using System.Collections.Immutable;

namespace IsolatedAgents.Policies.Requests;

/// <summary>One request of a model interface whose answers say how many tokens they used.</summary>
/// <param name="Provider"><c>gen_ai.provider.name</c>, after the interface's form.</param>
/// <param name="Operation"><c>gen_ai.operation.name</c>.</param>
/// <param name="Path">Gateways put the interfaces below paths of their own, so the beginning is open.</param>
internal sealed record ModelRoute(string Provider, string Operation, string Path)
{
    private const string Chat = "chat";
    private const string Text = "text_completion";
    private const string Embeddings = "embeddings";

    private readonly RequestPattern _lowered = new("POST", Path.ToLowerInvariant());

    /// <summary>Every route that is counted; the first one that matches holds.</summary>
    public static ImmutableArray<ModelRoute> All { get; } =
    [
        new("azure.ai.openai", Chat, "*/openai/deployments/*/chat/completions") { ModelBehind = "/deployments/" },
        new("azure.ai.openai", Text, "*/openai/deployments/*/completions") { ModelBehind = "/deployments/" },
        new("azure.ai.openai", Embeddings, "*/openai/deployments/*/embeddings") { ModelBehind = "/deployments/" },
        new("openai", Chat, "*/chat/completions"),
        new("openai", Text, "*/completions"),
        new("openai", Chat, "*/responses"),
        new("openai", Chat, "*/responses/compact"),
        new("openai", Embeddings, "*/embeddings"),
        new("anthropic", Chat, "*/messages"),
        new("gcp.gemini", Chat, "*/*:generateContent") { ModelBehind = "/models/" },
        new("gcp.gemini", Chat, "*/*:streamGenerateContent") { ModelBehind = "/models/" },
        new("ollama", Chat, "*/api/chat"),
        new("ollama", Text, "*/api/generate"),
        new("ollama", Embeddings, "*/api/embed"),
        new("aws.bedrock", Chat, "*/model/*/converse") { ModelBehind = "/model/" },
        new("aws.bedrock", Chat, "*/model/*/converse-stream") { ModelBehind = "/model/" },
        new("aws.bedrock", Chat, "*/model/*/invoke") { ModelBehind = "/model/" },
        new("aws.bedrock", Chat, "*/model/*/invoke-with-response-stream") { ModelBehind = "/model/" },
    ];

    /// <summary>The requests of this route.</summary>
    public RequestPattern Pattern { get; } = new("POST", Path);

    /// <summary>Whether the answer holds text that the request can bound; embeddings have none.</summary>
    public bool HasOutput => Operation != Embeddings;

    /// <summary>The part of the path before the model's name; null when the request's body names the model.</summary>
    private string? ModelBehind { get; init; }

    /// <summary>Null where the request is none that is counted.</summary>
    public static ModelRoute? Find(string method, string path) => All.FirstOrDefault(route => route.Pattern.Matches(method, path));

    /// <summary>
    /// Whether a lenient server would take a path for a counted one that it is not, letter by letter: another case, codes, parameters, a
    /// slash at the end.
    /// </summary>
    public static bool IsDisguised(string path)
    {
        string loosened = RequestPath.Loosened(path);
        return All.Any(route => route._lowered.MatchesPath(loosened)) && !All.Any(route => route.Pattern.MatchesPath(path));
    }

    /// <summary>The model that a path names; null where it names none.</summary>
    public string? ModelIn(string path)
    {
        int start = ModelBehind is null ? -1 : path.LastIndexOf(ModelBehind, StringComparison.Ordinal);
        if (start < 0)
        {
            return null;
        }

        string rest = path[(start + ModelBehind!.Length)..];
        int end = rest.IndexOf('/', StringComparison.Ordinal) is var slash and >= 0 ? slash : rest.LastIndexOf(':');
        return end <= 0 ? null : Uri.UnescapeDataString(rest[..end]);
    }
}
