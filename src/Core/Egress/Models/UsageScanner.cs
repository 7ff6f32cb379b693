using IsolatedAgents.Policies.Access;
using IsolatedAgents.Policies.Requests;

namespace IsolatedAgents.Egress.Models;

/// <summary>Reads from one request and its answer, as they pass, which model was used and how much.</summary>
internal sealed class UsageScanner
{
    private readonly EgressTarget _target;
    private readonly ModelRoute _route;
    private readonly RequestEstimate _estimate;
    private readonly JsonScanner _request;
    private readonly UsageFields _fields = new();
    private string? _requestModel;
    private IAnswerScanner? _answer;
    private bool _isAnswered;
    private long _sent;
    private int _isSettled;

    public UsageScanner(EgressTarget target, ModelRoute route, string path)
    {
        _target = target;
        _route = route;
        _requestModel = route.ModelIn(path);
        _estimate = new RequestEstimate(route.HasOutput);
        _request = new JsonScanner(FoundInRequest);
    }

    /// <summary>The tokens that the answer reports; null when it reports none.</summary>
    public ModelUsage? Usage =>
        !_fields.HasUsage
            ? null
            : new ModelUsage(_target, _route.Operation, _route.Provider, _requestModel, _fields.Model, _fields.Input, _fields.Output);

    /// <summary>Whether a model has begun to answer: others have interfaces at such paths too, which name none.</summary>
    public bool IsAnswered => _isAnswered && (_requestModel ?? _fields.Model) is not null;

    /// <summary>Whether a model was sent a whole request, and has not begun to answer.</summary>
    public bool IsAwaited { get; private set; }

    /// <summary>Bytes of the request and of the answer so far.</summary>
    public long Bytes { get; private set; }

    public void Sent(ReadOnlySpan<byte> bytes)
    {
        Bytes += bytes.Length;
        _sent += bytes.Length;
        _request.Scan(bytes);
    }

    /// <summary>The last of the request goes out.</summary>
    public void SentAll() => IsAwaited = true;

    /// <summary>Whether this is the first time that it is to be counted.</summary>
    public bool TrySettle() => Interlocked.Exchange(ref _isSettled, 1) == 0;

    /// <summary>Input and output tokens to reserve for the request, as far as it was sent.</summary>
    public long Estimate => _estimate.Tokens(_sent, !_request.IsLost);

    /// <summary>The answer begins.</summary>
    /// <param name="isSuccess">Whether its status says that the request was done.</param>
    /// <param name="mediaType">Of its content.</param>
    /// <param name="header">Gives the value of a header; null where it is not there.</param>
    public void Answered(bool isSuccess, string? mediaType, Func<string, string?> header)
    {
        IsAwaited = false;
        if (!isSuccess)
        {
            return;
        }

        _isAnswered = true;
        if (string.Equals(mediaType, "text/event-stream", StringComparison.OrdinalIgnoreCase))
        {
            _answer = new EventLines(_fields.Found);
        }
        else if (string.Equals(mediaType, "application/vnd.amazon.eventstream", StringComparison.OrdinalIgnoreCase))
        {
            _answer = new AwsEvents(_fields.Found);
        }
        else if (mediaType?.EndsWith("json", StringComparison.OrdinalIgnoreCase) == true)
        {
            _answer = new JsonScanner(_fields.Found);
        }

        // Bedrock's invoke speaks each model's own language, and says here what is the same for all.
        _fields.Found("usage.inputTokens", header("X-Amzn-Bedrock-Input-Token-Count") ?? "");
        _fields.Found("usage.outputTokens", header("X-Amzn-Bedrock-Output-Token-Count") ?? "");
    }

    public void Received(ReadOnlySpan<byte> bytes)
    {
        Bytes += bytes.Length;
        _answer?.Scan(bytes);
    }

    private void FoundInRequest(string path, string value)
    {
        _requestModel = path == "model" ? value : _requestModel;
        _estimate.Found(path, value);
    }
}
