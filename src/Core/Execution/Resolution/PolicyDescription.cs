using System.Collections.Immutable;
using System.Text.Json.Nodes;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>The policy as its event shows it: the four limits everybody looks for, then whatever else was set.</summary>
internal static class PolicyDescription
{
    private static readonly ImmutableArray<string> ShownAlways =
    [
        "cpu_cores",
        "memory_mb",
        "timeout_seconds",
        "base_image",
        "network.disabled",
    ];

    public static PolicyValidating Describe(Policy policy) =>
        new(
            policy.CpuCores,
            policy.MemoryMb * 1024L * 1024,
            policy.Network.AllowedEndpoints.IsEmpty ? "Disabled" : string.Join(", ", policy.Network.AllowedEndpoints),
            TimeSpan.FromSeconds(policy.TimeoutSeconds),
            [.. policy.ExplicitKeys.Except(ShownAlways).Select(key => new LabeledValue(key, Text(policy, key)))]
        );

    private static string Text(Policy policy, string key) =>
        PolicyKeys.Find(key)?.ValueOf(policy) switch
        {
            null => "",
            // Values of variables are not for a log, whatever they are.
            JsonObject map => string.Join(", ", map.Select(entry => entry.Key)),
            JsonArray list => string.Join(", ", list.Select(entry => entry?.ToString())),
            JsonNode value => value.ToString(),
        };
}
