using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;

namespace IsolatedAgents.Policies.Keys;

/// <summary>A key that is true or false.</summary>
internal sealed class FlagKey(string name, string meaning, Func<Policy, bool> get, Func<Policy, bool, Policy> set)
    : PolicyKey(name, PolicyKeyKind.Flag, meaning)
{
    /// <summary>Why false is refused; null where it is not.</summary>
    public string? FalseProblem { get; init; }

    public override string Allowed => FalseProblem is null ? "true or false" : "true";

    public override JsonNode? ValueOf(Policy policy) => get(policy);

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context) => node.Kind switch
    {
        PolicyNodeKind.True => set(policy, true),
        PolicyNodeKind.False when FalseProblem is null => set(policy, false),
        PolicyNodeKind.False => throw MustBe(node, context, FalseProblem),
        _ => throw MustBe(node, context),
    };

    public override JsonObject Schema() => FalseProblem is null
        ? new JsonObject { ["type"] = "boolean" }
        : new JsonObject { ["type"] = "boolean", ["enum"] = new JsonArray(true) };

    protected override PolicyNode OneFromText(string text) => bool.TryParse(text, out bool value)
        ? new PolicyNode(value ? PolicyNodeKind.True : PolicyNodeKind.False, default)
        : PolicyNode.FromText(text);
}
