using System.Collections.Immutable;
using System.Net;
using IsolatedAgents.Policies.Keys;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Policies.Requests;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Policies;

/// <summary>
/// A network that is not disabled must name endpoints, what is inspected must be allowed, what gets a credential must be inspected, a
/// placeholder must not meet another value of its variable, and a limit must have what it counts.
/// </summary>
internal static class NetworkConflicts
{
    private const string Disabled = "network.disabled";
    private const string Inspect = "network.inspect";
    private const string Credentials = "network.credentials";
    private const string Limit = "limits.max_model_tokens";

    public static void Check(Policy policy, IReadOnlyDictionary<PolicyKey, PolicySetting> settings)
    {
        CheckEnabled(policy, settings);
        CheckInspected(policy, settings);
        CheckCredentials(policy, settings);
        CheckLimit(policy, settings);
    }

    private static void CheckEnabled(Policy policy, IReadOnlyDictionary<PolicyKey, PolicySetting> settings)
    {
        if (
            policy.Network.AllowedEndpoints.IsEmpty
            && settings.TryGetValue(PolicyKeys.Find(Disabled)!, out PolicySetting? setting)
            && setting.Value.Kind == PolicyNodeKind.False
        )
        {
            throw setting.Source.Error(
                setting.Position,
                $"'{Disabled}' is false and 'network.allowed_endpoints' is empty; an agent reaches what is named and nothing else, so name its endpoints, such as 'api.example.com', or remove the key."
            );
        }
    }

    /// <summary>A limit that nothing is counted against would be a promise that nobody keeps.</summary>
    private static void CheckLimit(Policy policy, IReadOnlyDictionary<PolicyKey, PolicySetting> settings)
    {
        if (policy.Limits.MaxModelTokens == 0 || policy.Network.Inspect.Any(CanUseModels))
        {
            return;
        }

        PolicySetting setting = settings[PolicyKeys.Find(Limit)!];
        throw setting.Source.Error(
            setting.Position,
            policy.Network.Inspect.IsEmpty
                ? $"'{Limit}' counts what passes inspected endpoints, and '{Inspect}' has none; add the model's endpoint there, or remove the limit."
                : $"'{Limit}' counts requests to models, and no entry of '{Inspect}' allows any; allow one, such as 'POST /v1/chat/completions', or remove the limit."
        );
    }

    private static bool CanUseModels(InspectedEndpoint endpoint) =>
        endpoint.Allow.IsEmpty
        || endpoint.Allow.Select(RequestPattern.Parse).Any(rule => ModelRoute.All.Any(route => route.Pattern.Meets(rule)));

    private static void CheckInspected(Policy policy, IReadOnlyDictionary<PolicyKey, PolicySetting> settings)
    {
        EndpointMatcher allowed = new(policy.Network.AllowedEndpoints);
        HashSet<string> seen = new(StringComparer.Ordinal);
        for (int i = 0; i < policy.Network.Inspect.Length; i++)
        {
            string endpoint = policy.Network.Inspect[i].Endpoint;
            if (!IsCovered(allowed, endpoint))
            {
                throw Error(settings, Inspect, i, $"'{Inspect}' entry '{endpoint}' is not in 'network.allowed_endpoints'; add it there.");
            }

            if (!seen.Add(endpoint))
            {
                throw Error(settings, Inspect, i, $"'{Inspect}' has the endpoint '{endpoint}' twice; keep one of them.");
            }
        }
    }

    private static void CheckCredentials(Policy policy, IReadOnlyDictionary<PolicyKey, PolicySetting> settings)
    {
        EndpointMatcher inspected = new(policy.Network.Inspect.Select(entry => entry.Endpoint));
        HashSet<string> variables = new(StringComparer.Ordinal);
        HashSet<(string, string)> headers = [];
        for (int i = 0; i < policy.Network.Credentials.Length; i++)
        {
            EndpointCredential credential = policy.Network.Credentials[i];
            string variable = credential.PlaceholderEnv;
            if (!IsCovered(inspected, credential.Endpoint))
            {
                throw Error(
                    settings,
                    Credentials,
                    i,
                    $"'{Credentials}' entry '{credential.Endpoint}' is not in '{Inspect}', and only there a header can be set; add it."
                );
            }

            if (!headers.Add((credential.Endpoint, credential.Header.ToLowerInvariant())))
            {
                throw Error(
                    settings,
                    Credentials,
                    i,
                    $"'{Credentials}' sets the header '{credential.Header}' of '{credential.Endpoint}' twice; keep one of them."
                );
            }

            string? other =
                policy.EnvVars.ContainsKey(variable) ? "env_vars"
                : policy.AllowedEnvVars.Contains(variable) ? "allowed_env_vars"
                : policy.SensitiveEnvVars.Contains(variable) ? "sensitive_env_vars"
                : null;
            if (other is not null || !variables.Add(variable))
            {
                throw Error(
                    settings,
                    Credentials,
                    i,
                    $"'{Credentials}' gives '{variable}' a placeholder, but '{other ?? Credentials}' sets it too; keep one of them."
                );
            }

            // The real value in the sandbox would make all of this pointless.
            string? leak =
                policy.AllowedEnvVars.Contains(credential.FromEnv) ? "allowed_env_vars"
                : policy.SensitiveEnvVars.Contains(credential.FromEnv) ? "sensitive_env_vars"
                : null;
            if (leak is not null)
            {
                throw Error(
                    settings,
                    Credentials,
                    i,
                    $"'{Credentials}' keeps '{credential.FromEnv}' out of the sandbox, but '{leak}' passes it through; remove it there."
                );
            }
        }
    }

    private static bool IsCovered(EndpointMatcher by, string endpoint)
    {
        int colon = endpoint.LastIndexOf(':');
        int port = int.Parse(endpoint.AsSpan(colon + 1), provider: null);
        string host = endpoint[..colon].Trim('[', ']');
        if (!host.StartsWith("*.", StringComparison.Ordinal))
        {
            return IPAddress.TryParse(host, out IPAddress? address) ? by.IsAddressAllowed(address, port) : by.IsNameAllowed(host, port);
        }

        // Every name below must be allowed: by the same wildcard, or by one further up.
        return by.IsNameAllowed("any." + host[2..], port);
    }

    private static Diagnostics.ConfigurationException Error(
        IReadOnlyDictionary<PolicyKey, PolicySetting> settings,
        string key,
        int index,
        string message
    )
    {
        PolicySetting setting = settings[PolicyKeys.Find(key)!];
        ImmutableArray<PolicyNode> items = setting.Value.Items;
        return setting.Source.Error(index < items.Length ? items[index].Position : setting.Position, message);
    }
}
