using IsolatedAgents.Policies.Keys;
using IsolatedAgents.Policies.Reading;

namespace IsolatedAgents.Policies;

/// <summary>A variable is either set by the policy or passed through from the host; both leaves open which value the agent gets.</summary>
internal static class EnvironmentNameConflict
{
    public static void Check(Policy policy, IReadOnlyDictionary<PolicyKey, PolicySetting> settings)
    {
        if (!settings.TryGetValue(PolicyKeys.Find("env_vars")!, out PolicySetting? setting))
        {
            return;
        }

        foreach (PolicyMember member in setting.Value.Members)
        {
            string? other =
                policy.AllowedEnvVars.Contains(member.Name) ? "allowed_env_vars"
                : policy.SensitiveEnvVars.Contains(member.Name) ? "sensitive_env_vars"
                : null;
            if (other is not null)
            {
                throw setting.Source.Error(
                    member.NamePosition,
                    $"'env_vars' entry '{member.Name}' is in '{other}' too; either set it or pass it through."
                );
            }
        }
    }
}
