using System.Collections.Concurrent;
using System.Threading.Channels;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Tests;

/// <summary>Keeps what a broker tells, and lets a test wait for it.</summary>
internal sealed class RecordingSink : IEgressSink
{
    private readonly Channel<Closed> _closed = Channel.CreateUnbounded<Closed>();

    private readonly Channel<(EgressTarget Target, string Reason, string Rule)> _blocked = Channel.CreateUnbounded<(
        EgressTarget,
        string,
        string
    )>();

    private readonly Channel<(long Used, long Limit)> _exceeded = Channel.CreateUnbounded<(long, long)>();

    public ConcurrentQueue<EgressRequest> Allowed { get; } = [];

    public ConcurrentQueue<(EgressTarget Target, string Reason, string Rule)> Blocked { get; } = [];

    public ConcurrentQueue<ModelUsage> Usages { get; } = [];

    public ConcurrentQueue<(long Used, long Limit)> Exceeded { get; } = [];

    public ValueTask AllowedAsync(EgressRequest request)
    {
        Allowed.Enqueue(request);
        return ValueTask.CompletedTask;
    }

    public ValueTask BlockedAsync(EgressTarget target, string reason, string rule)
    {
        Blocked.Enqueue((target, reason, rule));
        return _blocked.Writer.WriteAsync((target, reason, rule));
    }

    public ValueTask ClosedAsync(EgressTarget target, long sent, long received, TimeSpan duration, string? error) =>
        _closed.Writer.WriteAsync(new Closed(target, sent, received, error));

    public ValueTask ModelUsedAsync(ModelUsage usage)
    {
        Usages.Enqueue(usage);
        return ValueTask.CompletedTask;
    }

    public ValueTask ModelLimitExceededAsync(long used, long limit)
    {
        Exceeded.Enqueue((used, limit));
        return _exceeded.Writer.WriteAsync((used, limit));
    }

    /// <summary>The next connection that ended.</summary>
    public async Task<Closed> NextClosedAsync() => await _closed.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>The next time that the limit of tokens was passed.</summary>
    public async Task<(long Used, long Limit)> NextExceededAsync() =>
        await _exceeded.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>The next refusal.</summary>
    public async Task<(EgressTarget Target, string Reason, string Rule)> NextBlockedAsync() =>
        await _blocked.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    internal sealed record Closed(EgressTarget Target, long Sent, long Received, string? Error);
}
