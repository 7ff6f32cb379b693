using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>Which entry of <c>network.inspect</c> counts where several hold an endpoint: the first of these.</summary>
internal static class InspectionOrder
{
    public static IEnumerable<InspectedEndpoint> Of(Policy policy) =>
        policy.Network.Inspect.OrderBy(entry => entry.Endpoint.StartsWith('*')).ThenByDescending(entry => entry.Endpoint.Length);

    /// <summary>The entry that counts for a target; null where it is not inspected.</summary>
    public static InspectedEndpoint? For(Policy policy, EgressTarget target) =>
        Of(policy).FirstOrDefault(entry => new EndpointMatcher([entry.Endpoint]).IsAllowed(target.Host, target.Port));
}
