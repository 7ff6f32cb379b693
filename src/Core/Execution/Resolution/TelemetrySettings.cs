using IsolatedAgents.Policies;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>How a run's events are to be shown. A front end needs it before the run, to have a place for the events.</summary>
/// <param name="Enabled">Whether events are shown at all.</param>
/// <param name="Level">The lowest level that is shown.</param>
/// <param name="Format">The format; null leaves it to the front end.</param>
internal sealed record TelemetrySettings(bool Enabled, TelemetryLevel Level, TelemetryFormat? Format)
{
    /// <summary>The settings under a wrong policy. The run itself then reports what is wrong with it.</summary>
    public static TelemetrySettings Default { get; } = Of(Policy.Default);

    /// <summary>The settings of a policy.</summary>
    public static TelemetrySettings Of(Policy policy) => new(policy.TelemetryEnabled, policy.TelemetryLevel, policy.TelemetryFormat);
}
