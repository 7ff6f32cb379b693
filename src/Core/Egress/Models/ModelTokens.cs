namespace IsolatedAgents.Egress.Models;

/// <summary>Counts the tokens of a run.</summary>
/// <param name="limit">The most; 0 for no limit.</param>
internal sealed class ModelTokens(long limit)
{
    private const string Key = "limits.max_model_tokens";

    // Of a text, three to four bytes are a token; what frames it counts too, so that who breaks an answer off gains nothing by that.
    private const int BytesOfToken = 4;

    private long _used;
    private int _isTold;
    private volatile bool _isUnknown;

    public long Used => Interlocked.Read(ref _used);

    /// <summary>Why no further request may be made; null where one may.</summary>
    public EgressRefusedException? Refusal =>
        limit > 0 && Used > limit ? new EgressRefusedException("The run has used more model tokens than it may", Key) { IsTold = true }
        : limit > 0 && _isUnknown ? new EgressRefusedException($"An answer did not say how many tokens it used, so that the limit of {limit} cannot be kept; ask for it, in OpenAI's chat streams by stream_options.include_usage", Key)
        : null;

    /// <summary>Why no WebSocket may be opened; null where one may. What a model says in one is not counted.</summary>
    public EgressRefusedException? WebSocketRefusal => limit > 0 ? new EgressRefusedException("What passes in a WebSocket cannot be counted as model tokens, so that the limit could not be kept", Key) : null;

    /// <summary>Counts what one answer used, and tells it.</summary>
    /// <param name="scanner">What was read of the request and the answer.</param>
    /// <param name="isWhole">Whether the answer came to its end.</param>
    /// <param name="sink">Is told.</param>
    public async ValueTask AddAsync(UsageScanner scanner, bool isWhole, IEgressSink sink)
    {
        ModelUsage? usage = scanner.Usage;
        if (usage is not null)
        {
            await sink.ModelUsedAsync(usage).ConfigureAwait(false);
        }

        _isUnknown |= isWhole && usage is null && scanner.IsAnswered;
        long counted = usage?.TotalTokens ?? 0;
        long used = Interlocked.Add(ref _used, isWhole || !scanner.IsAnswered ? counted : Math.Max(counted, scanner.Bytes / BytesOfToken));
        if (limit > 0 && used > limit && Interlocked.Exchange(ref _isTold, 1) == 0)
        {
            await sink.ModelLimitExceededAsync(used, limit).ConfigureAwait(false);
        }
    }
}
