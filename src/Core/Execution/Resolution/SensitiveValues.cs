using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>The values that a run will hide, for a front end that has its host hide them too.</summary>
internal static class SensitiveValues
{
    /// <summary>What the request's policy names and the host has; nothing where the policy is wrong, since then nothing runs.</summary>
    public static ImmutableArray<string> Of(AgentRunRequest request)
    {
        try
        {
            Policy policy = RunResolver.LoadPolicy(request).Policy;
            return [.. policy.SensitiveEnvVars.Select(name => request.HostEnvironment.GetValueOrDefault(name) ?? "").Where(value => value.Length > 0)];
        }
        catch (ConfigurationException)
        {
            return [];
        }
    }
}
