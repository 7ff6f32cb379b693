using IsolatedAgents.Action.Azure;
using IsolatedAgents.Action.GitHub;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.Hosts;

/// <summary>Makes the face that a run shows to its host.</summary>
internal static class BuildHosts
{
    /// <summary>The face for a host.</summary>
    /// <param name="kind">The host; not <see cref="BuildHostKind.Auto"/>.</param>
    /// <param name="terminal">What the process has around it.</param>
    /// <param name="request">The run.</param>
    public static IBuildHost Create(BuildHostKind kind, Terminal terminal, AgentRunRequest request)
    {
        // Standard output then holds JSON lines and nothing else; hosts read commands from standard error as well.
        bool isJson = TelemetryComposition.Choose(request, terminal).Format == TelemetryFormat.Json;
        CommandWriter log = new(isJson ? terminal.Error : terminal.Output);
        string? auditLog = request.AuditLog is { Length: > 0 } given ? Path.GetFullPath(given, request.BaseDirectory) : null;
        return kind switch
        {
            BuildHostKind.GitHub => new GitHubHost(log, terminal.Environment, auditLog, showsGroups: !isJson),
            BuildHostKind.Azure => new AzureHost(log, terminal.Environment, auditLog, showsGroups: !isJson),
            _ => new PlainHost(terminal.Error),
        };
    }
}
