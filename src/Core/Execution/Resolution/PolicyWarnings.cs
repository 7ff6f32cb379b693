using System.Collections.Frozen;
using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Egress;
using IsolatedAgents.Policies;
using IsolatedAgents.Text;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>Warns of settings in a valid policy that most likely have another effect on this machine than their author meant.</summary>
internal static class PolicyWarnings
{
    /// <summary>The warnings, each at the place of the policy that it is about.</summary>
    /// <param name="loaded">The policy.</param>
    /// <param name="hostEnvironment">The variables that the agent's may be taken from.</param>
    public static ImmutableArray<Diagnostic> Of(LoadedPolicy loaded, FrozenDictionary<string, string> hostEnvironment) =>
        [
            .. Missing(loaded, "allowed_env_vars", loaded.Policy.AllowedEnvVars, hostEnvironment),
            .. Missing(loaded, "sensitive_env_vars", loaded.Policy.SensitiveEnvVars, hostEnvironment),
            .. OtherAuthorities(loaded),
        ];

    private static IEnumerable<Diagnostic> Missing(
        LoadedPolicy loaded,
        string key,
        ImmutableArray<string> names,
        FrozenDictionary<string, string> hostEnvironment
    )
    {
        for (int i = 0; i < names.Length; i++)
        {
            if (string.IsNullOrEmpty(hostEnvironment.GetValueOrDefault(names[i])))
            {
                yield return Warning(
                    loaded,
                    LoadedPolicy.ItemOf(key, i),
                    $"'{key}' names the variable '{UntrustedText.Display(names[i])}', which is not set here, so the agent does not get it. Set it for this step, or remove the entry."
                );
            }
        }
    }

    // Under inspection the agent's programs see certificates of the run's own authority, which only our variables name.
    private static IEnumerable<Diagnostic> OtherAuthorities(LoadedPolicy loaded)
    {
        if (loaded.Policy.Network.Inspect.IsEmpty)
        {
            yield break;
        }

        foreach (string name in EgressBroker.AuthorityVariables)
        {
            string? place =
                loaded.Policy.EnvVars.ContainsKey(name) ? LoadedPolicy.MemberOf("env_vars", name)
                : loaded.Policy.AllowedEnvVars.Contains(name)
                    ? LoadedPolicy.ItemOf("allowed_env_vars", loaded.Policy.AllowedEnvVars.IndexOf(name))
                : null;
            if (place is not null)
            {
                yield return Warning(
                    loaded,
                    place,
                    $"The policy sets '{name}' and inspects endpoints (network.inspect): programs that heed it will not trust the certificates of inspected endpoints. Remove it; the sandbox sets it to the image's authorities and the run's own."
                );
            }
        }
    }

    private static Diagnostic Warning(LoadedPolicy loaded, string place, string message) =>
        loaded.DiagnosticAt(place, DiagnosticTable.Policy, DiagnosticSeverity.Warning, message);
}
