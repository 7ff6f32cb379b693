namespace IsolatedAgents.Execution.UpToDate;

/// <summary>
/// Tells a thing at once, and the same ones that follow within a second as one with their count: an agent that asks a thousand times is not
/// told a thousand times.
/// </summary>
/// <typeparam name="T">What makes two things the same.</typeparam>
/// <param name="tell">Tells one, and how many it stands for.</param>
internal sealed class RepeatFolder<T>(Func<T, int, ValueTask> tell)
    where T : struct, IEquatable<T>
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    // Past it, each one is told.
    private const int MaxKinds = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<T, int> _repeats = [];
    private Task _flushing = Task.CompletedTask;

    /// <summary>Takes one.</summary>
    /// <param name="thing">What it is.</param>
    /// <param name="cancellationToken">Nothing more comes.</param>
    public ValueTask TakeAsync(T thing, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_repeats.TryGetValue(thing, out int repeats))
            {
                _repeats[thing] = repeats + 1;
                return ValueTask.CompletedTask;
            }

            if (_repeats.Count < MaxKinds)
            {
                _repeats.Add(thing, 0);
            }

            if (_repeats.Count == 1)
            {
                _flushing = FlushLaterAsync(cancellationToken);
            }
        }

        return tell(thing, 1);
    }

    /// <summary>Tells what is left, once nothing more comes and the token of the last <see cref="TakeAsync"/> is cancelled.</summary>
    public async Task CompleteAsync()
    {
        await _flushing.ConfigureAwait(false);
        await FlushAsync().ConfigureAwait(false);
    }

    private async Task FlushLaterAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Window, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await FlushAsync().ConfigureAwait(false);
    }

    private async Task FlushAsync()
    {
        KeyValuePair<T, int>[] repeated;
        lock (_lock)
        {
            repeated = [.. _repeats.Where(seen => seen.Value > 0)];
            _repeats.Clear();
        }

        foreach ((T thing, int repeats) in repeated)
        {
            await tell(thing, repeats).ConfigureAwait(false);
        }
    }
}
