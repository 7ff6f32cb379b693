namespace IsolatedAgents.Egress.Models;

/// <summary>
/// Counts the tokens of a run. Where a limit holds, each request reserves what it may use before the model sees it whole; what does not fit
/// beside others waits until they are settled. A request that stands alone goes on whatever it reserves: only what was used breaks the
/// limit.
/// </summary>
/// <param name="limit">The most; 0 for no limit.</param>
internal sealed class ModelTokens(long limit)
{
    /// <summary>The policy key of the limit.</summary>
    public const string Key = "limits.max_model_tokens";

    private const int BytesOfToken = 4;

    private readonly Lock _lock = new();
    private readonly LinkedList<(long Tokens, TaskCompletionSource Granted)> _waiting = [];
    private long _used;
    private long _reserved;
    private bool _isTold;
    private bool _isUnknown;
    private bool _isUnknownTold;

    /// <summary>Whether a limit holds.</summary>
    public bool IsLimited => limit > 0;

    /// <summary>Why no further request may be made; null where one may. The sink is told of each kind once.</summary>
    public EgressRefusedException? Refusal()
    {
        lock (_lock)
        {
            if (limit > 0 && _used > limit)
            {
                return new EgressRefusedException($"The run has used {_used} model tokens, more than the {limit} it may", Key)
                {
                    IsTold = true,
                };
            }

            if (limit == 0 || !_isUnknown)
            {
                return null;
            }

            bool isTold = _isUnknownTold;
            _isUnknownTold = true;
            return new EgressRefusedException(
                $"An answer did not say how many tokens it used, so that the limit of {limit} cannot be kept; ask for it, in OpenAI's chat streams by stream_options.include_usage",
                Key
            )
            {
                IsTold = isTold,
            };
        }
    }

    /// <summary>Waits until a request may use so many tokens beside those that are under way.</summary>
    /// <exception cref="EgressRefusedException">The limit was passed, or cannot be kept any more.</exception>
    public async ValueTask<Reservation> ReserveAsync(long tokens, CancellationToken cancellationToken)
    {
        if (limit == 0)
        {
            return new Reservation(this, 0);
        }

        LinkedListNode<(long Tokens, TaskCompletionSource Granted)> node;
        lock (_lock)
        {
            if (_waiting.Count == 0 && Fits(tokens))
            {
                _reserved += tokens;
                return Taken(tokens);
            }

            node = _waiting.AddLast((tokens, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
        }

        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(_ => Leave(node, cancellationToken), null);
        await node.Value.Granted.Task.ConfigureAwait(false);
        return Taken(tokens);
    }

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

        long counted = usage?.TotalTokens ?? 0;
        bool isBroken = !isWhole && (scanner.IsAnswered || scanner.IsAwaited);
        long used;
        lock (_lock)
        {
            _isUnknown |= isWhole && usage is null && scanner.IsAnswered;

            // Whoever breaks an answer off gains nothing by that.
            used = _used += isBroken ? Math.Max(counted, scanner.Bytes / BytesOfToken) : counted;
            if (limit == 0 || used <= limit || _isTold)
            {
                return;
            }

            _isTold = true;
        }

        await sink.ModelLimitExceededAsync(used, limit).ConfigureAwait(false);
    }

    /// <summary>A grant may be for a limit that was passed meanwhile: then it is given back at once.</summary>
    private Reservation Taken(long tokens)
    {
        if (Refusal() is { } refusal)
        {
            Release(tokens);
            throw refusal;
        }

        return new Reservation(this, tokens);
    }

    private bool Fits(long tokens) => _reserved == 0 || _used + _reserved + tokens <= limit || _used > limit || _isUnknown;

    private void Leave(LinkedListNode<(long Tokens, TaskCompletionSource Granted)> node, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (node.List is not null)
            {
                _waiting.Remove(node);
                node.Value.Granted.SetCanceled(cancellationToken);
            }

            Grant();
        }
    }

    private void Release(long tokens)
    {
        lock (_lock)
        {
            _reserved -= tokens;
            Grant();
        }
    }

    /// <summary>In their order, so that a large request is not passed by for ever.</summary>
    private void Grant()
    {
        while (_waiting.First is { } first && Fits(first.Value.Tokens))
        {
            _waiting.RemoveFirst();
            _reserved += first.Value.Tokens;
            first.Value.Granted.SetResult();
        }
    }

    /// <summary>Tokens that one request may use. Given back once it is settled.</summary>
    internal sealed class Reservation(ModelTokens all, long tokens) : IDisposable
    {
        private int _isReleased;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isReleased, 1) == 0)
            {
                all.Release(tokens);
            }
        }
    }
}
