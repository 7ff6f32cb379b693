using IsolatedAgents.Action.Hosts;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;
using IsolatedAgents.Telemetry;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Action;

/// <summary>How telemetry is shown on standard output.</summary>
/// <param name="Enabled">Whether it is shown at all.</param>
/// <param name="Level">The lowest level that is shown.</param>
/// <param name="Format">How it is rendered.</param>
internal sealed record TelemetryChoice(bool Enabled, TelemetryLevel Level, TelemetryFormat Format);

/// <summary>Joins the run's events to standard output.</summary>
internal static class TelemetryComposition
{
    /// <summary>The loggers that a run reports to.</summary>
    public static ILoggerFactory Create(AgentRunRequest request, Terminal terminal, IBuildHost host)
    {
        TelemetryChoice choice = Choose(request, terminal);
        return LoggerFactory.Create(builder =>
        {
            // The provider alone decides by the policy's level; the factory's own default would hide DEBUG.
            builder.SetMinimumLevel(LogLevel.Trace);
            if (choice.Enabled)
            {
                builder.AddProvider(new PhasedLoggerProvider(new TelemetryLoggerProvider(new TelemetryOutput
                {
                    Stream = terminal.OutputStream,
                    Format = choice.Format,
                    Level = choice.Level,
                    IsTerminal = terminal.IsOutputTerminal,
                    Encoding = terminal.Output.Encoding,
                    Environment = terminal.Environment,
                }), host));
            }
        });
    }

    /// <summary>What the policy says about telemetry. A wrong policy is the runner's to tell; until then the defaults hold.</summary>
    public static TelemetryChoice Choose(AgentRunRequest request, Terminal terminal)
    {
        Policy policy;
        try
        {
            policy = PolicyLoader.Load(request.PolicyFile, request.BaseDirectory, terminal.HomeDirectory, request.PolicyOverrides).Policy;
        }
        catch (ConfigurationException)
        {
            policy = Policy.Default;
        }

        TelemetryFormat byPlace = terminal.IsOutputTerminal ? TelemetryFormat.Rich : TelemetryFormat.Simple;
        return new TelemetryChoice(policy.TelemetryEnabled, policy.TelemetryLevel, policy.TelemetryFormat ?? byPlace);
    }
}
