using System.Collections.Immutable;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;

namespace IsolatedAgents.Policies.Keys;

/// <summary>A word of a policy and what it stands for.</summary>
internal sealed record Choice<T>(string Word, T Value);

/// <summary>A key whose value is one of a few words.</summary>
internal sealed class ChoiceKey<T>(
    string name,
    string meaning,
    ImmutableArray<Choice<T>> choices,
    Func<Policy, T> get,
    Func<Policy, T, Policy> set
) : PolicyKey(name, PolicyKeyKind.Choice, meaning)
{
    /// <summary>Null means something only where it is what an unset key has.</summary>
    private readonly bool _allowsNull = get(Policy.Default) is null;

    public override string Allowed => Words.Either(choices.Select(choice => choice.Word));

    public override JsonNode? ValueOf(Policy policy) =>
        choices.FirstOrDefault(choice => EqualityComparer<T>.Default.Equals(choice.Value, get(policy)))?.Word;

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context)
    {
        if (node.Kind == PolicyNodeKind.Null && _allowsNull)
        {
            return set(policy, get(Policy.Default));
        }

        return node.Kind == PolicyNodeKind.Text && choices.FirstOrDefault(choice => choice.Word == node.Text) is { } found
            ? set(policy, found.Value)
            : throw MustBe(node, context);
    }

    public override JsonObject Schema()
    {
        JsonArray words = Words.Json(choices.Select(choice => choice.Word));
        if (!_allowsNull)
        {
            return new JsonObject { ["type"] = "string", ["enum"] = words };
        }

        words.Add(null);
        return new JsonObject { ["type"] = new JsonArray("string", "null"), ["enum"] = words };
    }

    /// <summary>A person who types a parameter need not know the letter case.</summary>
    protected override PolicyNode OneFromText(string text) =>
        PolicyNode.FromText(choices.FirstOrDefault(choice => choice.Word.Equals(text, StringComparison.OrdinalIgnoreCase))?.Word ?? text);
}
