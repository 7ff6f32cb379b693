using IsolatedAgents.Events;

namespace IsolatedAgents.Execution.Translation;

/// <summary>Warns, once a run, that the outputs are almost as large as the policy allows.</summary>
/// <param name="limit">In bytes.</param>
/// <param name="events">Takes the warning.</param>
internal sealed class OutputLimitWarning(long limit, RunEvents events)
{
    private bool _isRaised;

    /// <summary>Whether this size is a reason to warn, and the first one.</summary>
    /// <param name="bytes">Size of the outputs in bytes.</param>
    public bool IsDue(long bytes) => !_isRaised && bytes > 0 && bytes <= limit && bytes >= limit * UsageReporter.NearLimit;

    /// <summary>Takes the size of the outputs, and warns where that is due.</summary>
    /// <param name="bytes">In bytes.</param>
    public async ValueTask TakeAsync(long bytes)
    {
        if (IsDue(bytes))
        {
            _isRaised = true;
            await events.RaiseAsync(new OutputLimitApproaching(bytes, limit, limit - bytes)).ConfigureAwait(false);
        }
    }
}
