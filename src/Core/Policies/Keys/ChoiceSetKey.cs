using System.Collections.Immutable;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;

namespace IsolatedAgents.Policies.Keys;

/// <summary>A key whose value is any number of a few words, kept as flags.</summary>
internal sealed class ChoiceSetKey(
    string name,
    string meaning,
    ImmutableArray<Choice<int>> choices,
    Func<Policy, int> get,
    Func<Policy, int, Policy> set
) : PolicyKey(name, PolicyKeyKind.ChoiceSet, meaning)
{
    /// <summary>As a parameter's only value it stands for the empty list, which a parameter cannot write.</summary>
    public const string None = "none";

    public override string Allowed => $"a list of {Words.Either(choices.Select(choice => choice.Word))}";

    public override JsonNode? ValueOf(Policy policy) =>
        Words.Json(choices.Where(choice => (get(policy) & choice.Value) != 0).Select(choice => choice.Word));

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context)
    {
        if (node.Kind != PolicyNodeKind.Array)
        {
            throw MustBe(node, context);
        }

        int flags = 0;
        foreach (PolicyNode item in node.Items)
        {
            Choice<int>? found = item.Kind == PolicyNodeKind.Text ? choices.FirstOrDefault(choice => choice.Word == item.Text) : null;
            flags |= found?.Value ?? throw MustHold(item, context);
        }

        return set(policy, flags);
    }

    public override JsonObject Schema() =>
        new()
        {
            ["type"] = "array",
            ["items"] = new JsonObject { ["type"] = "string", ["enum"] = Words.Json(choices.Select(choice => choice.Word)) },
        };

    /// <summary>A person who types a parameter need not know the letter case.</summary>
    protected override PolicyNode ManyFromText(ImmutableArray<string> values, PolicySource source)
    {
        bool isNone = values.Length == 1 && values[0].Equals(None, StringComparison.OrdinalIgnoreCase);
        IEnumerable<string> words = isNone
            ? []
            : values.Select(value =>
                choices.FirstOrDefault(choice => choice.Word.Equals(value, StringComparison.OrdinalIgnoreCase))?.Word ?? value
            );
        return new PolicyNode(PolicyNodeKind.Array, default) { Items = [.. words.Select(PolicyNode.FromText)] };
    }

    private Diagnostics.ConfigurationException MustHold(PolicyNode item, PolicyContext context) =>
        context.Source.Error(
            item.Position,
            $"'{Name}' must hold {Words.Either(choices.Select(choice => choice.Word))}, but holds {item.Describe()}."
        );
}
