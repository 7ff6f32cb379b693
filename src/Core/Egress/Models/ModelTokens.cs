namespace IsolatedAgents.Egress.Models;

/// <summary>Counts the tokens of a run.</summary>
/// <param name="limit">The most; 0 for no limit.</param>
internal sealed class ModelTokens(long limit)
{
    private long _used;
    private int _isTold;

    public long Used => Interlocked.Read(ref _used);

    public bool IsExceeded => limit > 0 && Used > limit;

    /// <summary>Counts one use and tells it.</summary>
    public async ValueTask AddAsync(ModelUsage usage, IEgressSink sink)
    {
        long used = Interlocked.Add(ref _used, usage.TotalTokens);
        await sink.ModelUsedAsync(usage).ConfigureAwait(false);
        if (limit > 0 && used > limit && Interlocked.Exchange(ref _isTold, 1) == 0)
        {
            await sink.ModelLimitExceededAsync(used, limit).ConfigureAwait(false);
        }
    }
}
