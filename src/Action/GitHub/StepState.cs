using System.Collections.Frozen;
using IsolatedAgents.Hosts.GitHub;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.GitHub;

/// <summary>The state that a step leaves for its clean-up, before it makes anything that may have to be removed.</summary>
/// <param name="SessionId">The run.</param>
/// <param name="Output">Absolute path of the output directory; null where there is none.</param>
internal sealed record StepState(string SessionId, string? Output)
{
    private const string SessionName = "isolated_agents_session";
    private const string OutputName = "isolated_agents_output";
    private const int SessionLength = 32;

    /// <summary>Hands it to the runner.</summary>
    public static void Save(FrozenDictionary<string, string> environment, AgentRunRequest request)
    {
        GitHubFiles files = new(environment);
        files.SaveState(SessionName, request.SessionId!);
        if (request.OutputDirectory is { } output)
        {
            files.SaveState(OutputName, Path.GetFullPath(output, request.BaseDirectory));
        }
    }

    /// <summary>Reads the state that the runner kept; null when the step never came so far.</summary>
    public static StepState? Read(FrozenDictionary<string, string> environment) =>
        environment.GetValueOrDefault("STATE_" + SessionName) is { Length: SessionLength } session && session.All(char.IsAsciiHexDigitLower)
            ? new StepState(
                session,
                environment.GetValueOrDefault("STATE_" + OutputName) is { Length: > 0 } output && Path.IsPathRooted(output) ? output : null
            )
            : null;
}
