using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>How a run's events are to be shown. A front end needs it before the run, to have a place for the events.</summary>
/// <param name="Level">The lowest level that is shown.</param>
/// <param name="Format">The format; null leaves it to the front end.</param>
internal sealed record TelemetrySettings(TelemetryLevel Level, TelemetryFormat? Format)
{
    /// <summary>What the request's policy says. Where the policy is wrong, the defaults: the run itself then says what is wrong with it.</summary>
    public static TelemetrySettings Of(AgentRunRequest request)
    {
        try
        {
            Policy policy = RunResolver.LoadPolicy(request).Policy;
            return new TelemetrySettings(policy.TelemetryLevel, policy.TelemetryFormat);
        }
        catch (ConfigurationException)
        {
            return new TelemetrySettings(Policy.Default.TelemetryLevel, Policy.Default.TelemetryFormat);
        }
    }
}
