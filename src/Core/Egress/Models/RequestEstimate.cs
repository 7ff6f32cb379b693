using System.Globalization;

namespace IsolatedAgents.Egress.Models;

/// <summary>Reads from a request, as it passes, how many tokens its answer may take at most.</summary>
internal sealed class RequestEstimate(bool hasOutput)
{
    /// <summary>Output tokens that are reserved where a request does not bound them.</summary>
    public const long DefaultOutput = 4096;

    // Of a text, three to four bytes are a token; what frames it counts too.
    private const int BytesOfToken = 4;

    // More than any limit, and small enough that sums of it do not overflow.
    private const long Most = 1_000_000_000_000;

    private long _output;
    private long _answers = 1;

    /// <summary>Input and output tokens to reserve for a request.</summary>
    /// <param name="bytes">Of its body.</param>
    /// <param name="isReadable">Whether its body was understood; otherwise nothing else may run beside it.</param>
    public long Tokens(long bytes, bool isReadable)
    {
        if (!isReadable)
        {
            return Most;
        }

        long output =
            !hasOutput ? 0
            : _output > 0 ? _output
            : DefaultOutput;
        UInt128 all = ((UInt128)output * (UInt128)_answers) + (UInt128)(bytes / BytesOfToken);
        return all > (UInt128)Most ? Most : (long)all;
    }

    public void Found(string path, string value)
    {
        switch (path)
        {
            case "max_tokens"
            or "max_completion_tokens"
            or "max_output_tokens"
            or "generationConfig.maxOutputTokens"
            or "generation_config.max_output_tokens"
            or "inferenceConfig.maxTokens"
            or "options.num_predict":
                _output = Math.Max(_output, Number(value));
                break;
            case "n" or "best_of" or "generationConfig.candidateCount" or "generation_config.candidate_count":
                _answers = Math.Max(_answers, Number(value));
                break;
        }
    }

    /// <summary>A number that is none, or larger than any, is taken for the largest.</summary>
    private static long Number(string value) =>
        value == "null" ? 0
        : double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number is >= -1 and < Most
            ? Math.Max(0, (long)number)
        : Most;
}
