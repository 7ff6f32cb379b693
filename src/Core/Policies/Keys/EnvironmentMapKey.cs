using System.Collections.Immutable;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Keys;

/// <summary>A key whose value is an object of variables. Values may be secret: no message holds one.</summary>
internal sealed class EnvironmentMapKey(
    string name,
    string meaning,
    Func<Policy, ImmutableSortedDictionary<string, string>> get,
    Func<Policy, ImmutableSortedDictionary<string, string>, Policy> set
) : PolicyKey(name, PolicyKeyKind.Map, meaning)
{
    public override string Allowed => "an object of variables and their texts";

    public override JsonNode? ValueOf(Policy policy) =>
        new JsonObject(get(policy).Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context)
    {
        if (node.Kind != PolicyNodeKind.Object)
        {
            throw MustBe(node, context);
        }

        ImmutableSortedDictionary<string, string>.Builder variables = get(Policy.Default).ToBuilder();
        foreach (PolicyMember member in node.Members)
        {
            if (EnvironmentNames.Check(member.Name).Problem is { } problem)
            {
                throw context.Source.Error(member.NamePosition, $"'{Name}' entry '{QuotedText.Of(member.Name)}' is refused: {problem}.");
            }

            if (member.Value.Kind != PolicyNodeKind.Text)
            {
                throw context.Source.Error(
                    member.Value.Position,
                    $"'{Name}' entry '{member.Name}' must be text; put its value in double quotes."
                );
            }

            if (member.Value.Text.Contains('\0', StringComparison.Ordinal))
            {
                throw context.Source.Error(
                    member.Value.Position,
                    $"'{Name}' entry '{member.Name}' is refused: its value holds NUL, which no variable can; remove it."
                );
            }

            variables[member.Name] = member.Value.Text;
        }

        return set(policy, variables.ToImmutable());
    }

    public override JsonObject Schema() =>
        new()
        {
            ["type"] = "object",
            ["patternProperties"] = new JsonObject { ["^[A-Za-z_][A-Za-z0-9_]*$"] = new JsonObject { ["type"] = "string" } },
            ["additionalProperties"] = false,
        };

    protected override PolicyNode ManyFromText(ImmutableArray<string> values, PolicySource source)
    {
        Dictionary<string, PolicyMember> members = new(StringComparer.Ordinal);
        foreach (string value in values)
        {
            int separator = value.IndexOf('=', StringComparison.Ordinal);
            if (separator <= 0)
            {
                throw source.Error(default, $"'{Name}' takes 'NAME=VALUE', but an entry has no name before '='; write both.");
            }

            string variable = value[..separator];
            if (!members.TryAdd(variable, new PolicyMember(variable, default, PolicyNode.FromText(value[(separator + 1)..]))))
            {
                throw source.Error(default, $"'{Name}' sets '{QuotedText.Of(variable)}' twice; keep one of them.");
            }
        }

        return new PolicyNode(PolicyNodeKind.Object, default) { Members = [.. members.Values] };
    }
}
