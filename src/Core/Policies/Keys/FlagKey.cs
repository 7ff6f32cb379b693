using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;

namespace IsolatedAgents.Policies.Keys;

/// <summary>A key that is true or false.</summary>
internal sealed class FlagKey(string name, string meaning, Func<Policy, bool> get, Func<Policy, bool, Policy> set)
    : PolicyKey(name, PolicyKeyKind.Flag, meaning)
{
    public override string Allowed => "true or false";

    public override JsonNode? ValueOf(Policy policy) => get(policy);

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context) =>
        node.Kind switch
        {
            PolicyNodeKind.True => set(policy, true),
            PolicyNodeKind.False => set(policy, false),
            _ => throw MustBe(node, context),
        };

    public override JsonObject Schema() => new() { ["type"] = "boolean" };

    protected override PolicyNode OneFromText(string text) =>
        bool.TryParse(text, out bool value)
            ? new PolicyNode(value ? PolicyNodeKind.True : PolicyNodeKind.False, default)
            : PolicyNode.FromText(text);
}
