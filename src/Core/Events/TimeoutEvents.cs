using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>Most of the time is over.</summary>
/// <param name="Elapsed">Since the start of the agent.</param>
/// <param name="Limit">The limit.</param>
/// <param name="Remaining">What is left.</param>
public sealed record TimeoutApproaching(TimeSpan Elapsed, TimeSpan Limit, TimeSpan Remaining)
    : TelemetryEvent(EventCatalog.TimeoutApproaching)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Seconds(DetailNames.Elapsed, Elapsed);
        visitor.Seconds(DetailNames.TimeLimit, Limit);
        visitor.Seconds(DetailNames.TimeRemaining, Remaining);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>The time is over.</summary>
/// <param name="Elapsed">Since the start of the agent.</param>
/// <param name="Limit">The limit.</param>
/// <param name="Action">What happens now.</param>
public sealed record TimeoutExceeded(TimeSpan Elapsed, TimeSpan Limit, string Action) : TelemetryEvent(EventCatalog.TimeoutExceeded)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Seconds(DetailNames.Elapsed, Elapsed);
        visitor.Seconds(DetailNames.TimeLimit, Limit);
        visitor.Text(DetailNames.Action, Action);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}
