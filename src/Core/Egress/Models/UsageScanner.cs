using System.Globalization;

namespace IsolatedAgents.Egress.Models;

/// <summary>Reads from one request and its answer, as they pass, which model was used and how much.</summary>
internal sealed class UsageScanner
{
    private readonly EgressTarget _target;
    private readonly ModelOperation _operation;
    private readonly JsonScanner _request;
    private string? _requestModel;
    private string? _responseModel;
    private JsonScanner? _answer;
    private EventLines? _events;
    private long _input;
    private long _cacheRead;
    private long _cacheWritten;
    private long _output;
    private bool _hasUsage;
    private bool _isAnswered;

    public UsageScanner(EgressTarget target, ModelOperation operation)
    {
        _target = target;
        _operation = operation;
        _request = new JsonScanner((path, value) => _requestModel = path == "model" ? value : _requestModel);
    }

    /// <summary>What was used; null where the answer does not say.</summary>
    public ModelUsage? Usage => !_hasUsage ? null : new ModelUsage(
        _target, _operation.Name, _operation.Provider, _requestModel, _responseModel, _input + _cacheRead + _cacheWritten, _output);

    /// <summary>Whether a model has begun to answer: others have interfaces at such paths too, which name none.</summary>
    public bool IsAnswered => _isAnswered && (_requestModel ?? _responseModel) is not null;

    /// <summary>Bytes of the request and of the answer so far.</summary>
    public long Bytes { get; private set; }

    public void Sent(ReadOnlySpan<byte> bytes)
    {
        Bytes += bytes.Length;
        _request.Scan(bytes);
    }

    /// <summary>The answer begins.</summary>
    /// <param name="mediaType">Of its content.</param>
    public void Answered(string? mediaType)
    {
        _isAnswered = true;
        if (string.Equals(mediaType, "text/event-stream", StringComparison.OrdinalIgnoreCase))
        {
            _events = new EventLines(() => new JsonScanner(Found));
        }
        else if (mediaType?.EndsWith("json", StringComparison.OrdinalIgnoreCase) == true)
        {
            _answer = new JsonScanner(Found);
        }
    }

    public void Received(ReadOnlySpan<byte> bytes)
    {
        Bytes += bytes.Length;
        _answer?.Scan(bytes);
        _events?.Scan(bytes);
    }

    private void Found(string path, string value)
    {
        // Streams put what belongs to the whole answer into one of these.
        string name = path.StartsWith("response.", StringComparison.Ordinal) ? path[9..] : path.StartsWith("message.", StringComparison.Ordinal) ? path[8..] : path;
        if (name == "model")
        {
            _responseModel = value;
            return;
        }

        if (!name.StartsWith("usage.", StringComparison.Ordinal) || !long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long count))
        {
            return;
        }

        // A stream counts up: the last number holds, and none goes down.
        switch (name)
        {
            case "usage.input_tokens" or "usage.prompt_tokens":
                _input = Math.Max(_input, count);
                break;
            case "usage.output_tokens" or "usage.completion_tokens":
                _output = Math.Max(_output, count);
                break;
            case "usage.cache_read_input_tokens":
                _cacheRead = Math.Max(_cacheRead, count);
                break;
            case "usage.cache_creation_input_tokens":
                _cacheWritten = Math.Max(_cacheWritten, count);
                break;
            default:
                return;
        }

        _hasUsage = true;
    }

    /// <summary>The data lines of an event stream.</summary>
    private sealed class EventLines(Func<JsonScanner> newScanner)
    {
        private static readonly byte[] Field = "data:"u8.ToArray();

        private JsonScanner? _line;
        private int _matched;

        public void Scan(ReadOnlySpan<byte> bytes)
        {
            while (!bytes.IsEmpty)
            {
                int end = bytes.IndexOfAny((byte)'\n', (byte)'\r');
                ReadOnlySpan<byte> part = end < 0 ? bytes : bytes[..end];
                Take(part);
                if (end < 0)
                {
                    return;
                }

                _line = null;
                _matched = 0;
                bytes = bytes[(end + 1)..];
            }
        }

        private void Take(ReadOnlySpan<byte> part)
        {
            while (_line is null && _matched >= 0 && !part.IsEmpty)
            {
                _matched = part[0] == Field[_matched] ? _matched + 1 : -1;
                part = part[1..];
                _line = _matched == Field.Length ? newScanner() : null;
            }

            _line?.Scan(part);
        }
    }
}
