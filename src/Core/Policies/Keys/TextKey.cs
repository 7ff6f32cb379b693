using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Policies.Rules;

namespace IsolatedAgents.Policies.Keys;

/// <summary>A key whose value is text that a rule accepts.</summary>
internal sealed class TextKey(
    string name,
    string meaning,
    Func<Policy, string?> get,
    Func<Policy, string?, Policy> set,
    Func<string, Checked<string>> rule,
    string allowed
) : PolicyKey(name, PolicyKeyKind.Text, meaning)
{
    public override string Allowed { get; } = allowed;

    /// <summary>Null means something only where it is what an unset key has.</summary>
    private bool AllowsNull => get(Policy.Default) is null;

    public override JsonNode? ValueOf(Policy policy) => get(policy);

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context)
    {
        if (node.Kind == PolicyNodeKind.Null && AllowsNull)
        {
            return set(policy, null);
        }

        if (node.Kind != PolicyNodeKind.Text)
        {
            throw MustBe(node, context);
        }

        Checked<string> result = rule(node.Text);
        return result.Problem is null ? set(policy, result.Value) : throw Refused(node, context, result.Problem);
    }

    public override JsonObject Schema() => new() { ["type"] = AllowsNull ? new JsonArray("string", "null") : "string", ["minLength"] = 1 };
}
