using System.Collections.Immutable;
using System.Text;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Keys;

/// <summary>The key whose value is a list of expected violations.</summary>
internal sealed class ExpectedViolationsKey(string name, string meaning, ImmutableArray<Choice<ViolationKind>> kinds)
    : PolicyKey(name, PolicyKeyKind.Objects, meaning)
{
    private static readonly string[] Fields = ["kind", "match", "reason"];

    public override string Allowed => "a list of objects with 'kind', 'match' and 'reason'";

    public override JsonNode? ValueOf(Policy policy) =>
        new JsonArray([
            .. policy.ExpectedViolations.Select(expected => new JsonObject
            {
                ["kind"] = kinds.First(choice => choice.Value == expected.Kind).Word,
                ["match"] = expected.Match,
                ["reason"] = expected.Reason,
            }),
        ]);

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context)
    {
        if (node.Kind != PolicyNodeKind.Array)
        {
            throw MustBe(node, context);
        }

        return policy with
        {
            ExpectedViolations = [.. node.Items.Select(item => Entry(item, context))],
        };
    }

    public override JsonObject Schema() =>
        new()
        {
            ["type"] = "array",
            ["items"] = new JsonObject
            {
                ["type"] = "object",
                ["properties"] = new JsonObject
                {
                    ["kind"] = new JsonObject { ["type"] = "string", ["enum"] = Words.Json(kinds.Select(choice => choice.Word)) },
                    ["match"] = new JsonObject
                    {
                        ["type"] = "string",
                        ["minLength"] = 1,
                        ["description"] = "Glob over what was touched.",
                    },
                    ["reason"] = new JsonObject
                    {
                        ["type"] = "string",
                        ["minLength"] = 1,
                        ["description"] = "Why it is expected, for the report.",
                    },
                },
                ["required"] = Words.Json(Fields),
                ["additionalProperties"] = false,
            },
        };

    /// <summary>A parameter's entry is the JSON object that the file would hold.</summary>
    protected override PolicyNode ManyFromText(ImmutableArray<string> values, PolicySource source) =>
        new(PolicyNodeKind.Array, default)
        {
            Items = [.. values.Select(value => PolicyDocument.Parse(Encoding.UTF8.GetBytes(value), source))],
        };

    private ExpectedViolation Entry(PolicyNode item, PolicyContext context)
    {
        if (item.Kind != PolicyNodeKind.Object)
        {
            throw context.Source.Error(item.Position, $"'{Name}' must be {Allowed}, but holds {item.Describe()}.");
        }

        foreach (PolicyMember member in item.Members)
        {
            if (!Fields.Contains(member.Name, StringComparer.Ordinal))
            {
                throw context.Source.Error(
                    member.NamePosition,
                    $"Unknown key '{QuotedText.Of(member.Name)}' in '{Name}'; an entry has {Words.Either(Fields).Replace(" or ", " and ", StringComparison.Ordinal)}."
                );
            }
        }

        PolicyNode kind = Field(item, "kind", context);
        Choice<ViolationKind> choice = kinds.FirstOrDefault(choice => choice.Word == kind.Text)
            ?? throw context.Source.Error(
                kind.Position,
                $"'{Name}' field 'kind' must be {Words.Either(kinds.Select(choice => choice.Word))}, but is {kind.Describe()}."
            );
        return new ExpectedViolation(choice.Value, CheckedField(item, "match", context), CheckedField(item, "reason", context));
    }

    private string CheckedField(PolicyNode item, string field, PolicyContext context)
    {
        PolicyNode node = Field(item, field, context);
        Checked<string> result = GlobPatterns.CheckSubject(node.Text);
        return result.Value
            ?? throw context.Source.Error(
                node.Position,
                $"'{Name}' field '{field}' with the text '{QuotedText.Of(node.Text)}' is refused: {result.Problem}."
            );
    }

    private PolicyNode Field(PolicyNode item, string field, PolicyContext context)
    {
        PolicyNode value = item.Members.FirstOrDefault(member => member.Name == field)?.Value
            ?? throw context.Source.Error(item.Position, $"An entry of '{Name}' has no '{field}'; add it.");
        return value.Kind == PolicyNodeKind.Text
            ? value
            : throw context.Source.Error(value.Position, $"'{Name}' field '{field}' must be text, but is {value.Describe()}.");
    }
}
