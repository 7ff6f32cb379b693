using System.Globalization;

namespace IsolatedAgents.Egress.Models;

/// <summary>Takes from the scalars of an answer which model answered, and how many tokens it used.</summary>
internal sealed class UsageFields
{
    private long _input;
    private long _tools;
    private long _cacheRead;
    private long _cacheWritten;
    private long _output;
    private long _thoughts;

    /// <summary>Whether the answer said what it used.</summary>
    public bool HasUsage { get; private set; }

    /// <summary>The model that answered; null where it is not named.</summary>
    public string? Model { get; private set; }

    /// <summary>Input tokens, cached ones included.</summary>
    public long Input => _input + _tools + _cacheRead + _cacheWritten;

    public long Output => _output + _thoughts;

    /// <summary>Takes one scalar by its path.</summary>
    public void Found(string path, string value)
    {
        // Streams put what belongs to the whole answer into one of these.
        string name =
            path.StartsWith("response.", StringComparison.Ordinal) ? path[9..]
            : path.StartsWith("message.", StringComparison.Ordinal) ? path[8..]
            : path;
        if (name is "model" or "modelVersion")
        {
            Model = value;
        }
        else if (long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long count))
        {
            HasUsage |= Take(name, count);
        }
    }

    /// <summary>A stream counts up: the last number holds, and none goes down.</summary>
    private bool Take(string name, long count) =>
        name switch
        {
            "usage.input_tokens"
            or "usage.prompt_tokens"
            or "usage.inputTokens"
            or "usageMetadata.promptTokenCount"
            or "prompt_eval_count"
            or "amazon-bedrock-invocationMetrics.inputTokenCount" => Raise(ref _input, count),
            "usage.output_tokens"
            or "usage.completion_tokens"
            or "usage.outputTokens"
            or "usageMetadata.candidatesTokenCount"
            or "eval_count"
            or "amazon-bedrock-invocationMetrics.outputTokenCount" => Raise(ref _output, count),
            "usage.cache_read_input_tokens" or "usage.cacheReadInputTokens" => Raise(ref _cacheRead, count),
            "usage.cache_creation_input_tokens" or "usage.cacheWriteInputTokens" => Raise(ref _cacheWritten, count),
            "usageMetadata.thoughtsTokenCount" => Raise(ref _thoughts, count),
            "usageMetadata.toolUsePromptTokenCount" => Raise(ref _tools, count),
            _ => false,
        };

    private static bool Raise(ref long field, long count)
    {
        field = Math.Max(field, count);
        return true;
    }
}
