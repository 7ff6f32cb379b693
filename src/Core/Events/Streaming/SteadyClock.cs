namespace IsolatedAgents.Events.Streaming;

/// <summary>Looks at the wall clock once, which may be set at any time, and dates what comes after it by what has passed since.</summary>
internal sealed class SteadyClock(TimeProvider time)
{
    private readonly long _began = time.GetTimestamp();

    /// <summary>When it was looked at.</summary>
    public DateTimeOffset Start { get; } = time.GetUtcNow();

    /// <summary>The time since the start.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_began);

    /// <summary>Never before what it said last.</summary>
    public DateTimeOffset Now => Start + Elapsed;
}
