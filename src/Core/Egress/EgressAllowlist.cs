using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Egress;

/// <summary>The allowed endpoints of a policy. The supervisor decides by the same <see cref="EndpointMatcher"/>.</summary>
internal static class EgressAllowlist
{
    /// <summary>The policy key that holds them.</summary>
    public const string Key = "network.allowed_endpoints";

    public static EndpointMatcher Of(Policy policy) => new(policy.Network.AllowedEndpoints);
}
