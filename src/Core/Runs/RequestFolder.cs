using IsolatedAgents.Events;

namespace IsolatedAgents.Runs;

/// <summary>Tells a request at once, and the same ones that follow within a second as one with their count: an agent that asks a thousand times is not told a thousand times.</summary>
internal sealed class RequestFolder(RunEvents events)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    // Past it, each one is told.
    private const int MaxKinds = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Host, int Port, string? Method, string? Path, string? Protocol, int? ResponseCode), (NetworkRequest Request, int Repeats)> _seen = [];
    private Task _flushing = Task.CompletedTask;

    /// <summary>Takes one request.</summary>
    public ValueTask TakeAsync(NetworkRequest request, CancellationToken cancellationToken)
    {
        var key = (request.Host, request.Port, request.Method, request.Path, request.Protocol, request.ResponseCode);
        lock (_lock)
        {
            if (_seen.TryGetValue(key, out (NetworkRequest Request, int Repeats) seen))
            {
                _seen[key] = seen with { Repeats = seen.Repeats + 1 };
                return ValueTask.CompletedTask;
            }

            if (_seen.Count < MaxKinds)
            {
                _seen.Add(key, (request with { }, 0));
            }

            if (_seen.Count == 1)
            {
                _flushing = FlushLaterAsync(cancellationToken);
            }
        }

        return events.RaiseAsync(request);
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
        (NetworkRequest Request, int Repeats)[] repeated;
        lock (_lock)
        {
            repeated = [.. _seen.Values.Where(seen => seen.Repeats > 0)];
            _seen.Clear();
        }

        foreach ((NetworkRequest request, int repeats) in repeated)
        {
            await events.RaiseAsync(request with { Count = repeats }).ConfigureAwait(false);
        }
    }
}
