using IsolatedAgents.Protocol;

namespace IsolatedAgents.Policies.Access;

/// <summary>The allowed endpoints of a policy. The supervisor decides by the same <see cref="EndpointMatcher"/>.</summary>
internal static class EgressAllowlist
{
    /// <summary>The policy key that holds them.</summary>
    public const string Key = "network.allowed_endpoints";

    /// <summary>Why a connection that no entry allows is refused.</summary>
    public const string Refused = "Not in allowed endpoints";

    /// <summary>Why a name that no entry allows is not looked up.</summary>
    public const string NameRefused = Refused + " (name lookup)";

    public static EndpointMatcher Of(Policy policy) => new(policy.Network.AllowedEndpoints);
}
