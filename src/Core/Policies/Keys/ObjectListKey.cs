using System.Collections.Immutable;
using System.Text;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Keys;

/// <summary>The accepted fields of one object; what was left out is absent.</summary>
internal sealed record ObjectValues(ImmutableDictionary<string, ImmutableArray<string>> Fields)
{
    public string? One(string field) => Fields.TryGetValue(field, out ImmutableArray<string> values) ? values[0] : null;

    public ImmutableArray<string> Many(string field) => Fields.GetValueOrDefault(field, []);
}

/// <summary>A key whose value is a list of objects with a few fields of text.</summary>
/// <typeparam name="T">What an accepted object is.</typeparam>
internal sealed class ObjectListKey<T>(
    string name,
    string meaning,
    ImmutableArray<ObjectField> fields,
    Func<Policy, ImmutableArray<T>> get,
    Func<Policy, ImmutableArray<T>, Policy> set,
    Func<ObjectValues, T> make,
    Func<T, JsonObject> json
) : PolicyKey(name, PolicyKeyKind.Objects, meaning)
{
    public override string Allowed { get; } = $"a list of objects with {All(fields)}";

    public override JsonNode? ValueOf(Policy policy) => new JsonArray([.. get(policy).Select(json)]);

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context)
    {
        if (node.Kind != PolicyNodeKind.Array)
        {
            throw MustBe(node, context);
        }

        return set(policy, [.. node.Items.Select(item => make(Read(item, context)))]);
    }

    public override JsonObject Schema()
    {
        JsonObject properties = [];
        foreach (ObjectField field in fields)
        {
            JsonObject text = new() { ["type"] = "string", ["minLength"] = 1 };
            JsonObject property = field.IsList ? new JsonObject { ["type"] = "array", ["items"] = text } : text;
            property["description"] = field.Meaning;
            properties[field.Name] = property;
        }

        return new JsonObject
        {
            ["type"] = "array",
            ["items"] = new JsonObject
            {
                ["type"] = "object",
                ["properties"] = properties,
                ["required"] = Words.Json(fields.Where(field => field.IsRequired).Select(field => field.Name)),
                ["additionalProperties"] = false,
            },
        };
    }

    /// <summary>A parameter's entry is the JSON object that the file would hold.</summary>
    protected override PolicyNode ManyFromText(ImmutableArray<string> values, PolicySource source) =>
        new(PolicyNodeKind.Array, default)
        {
            Items = [.. values.Select(value => PolicyDocument.Parse(Encoding.UTF8.GetBytes(value), source))],
        };

    private ObjectValues Read(PolicyNode item, PolicyContext context)
    {
        if (item.Kind != PolicyNodeKind.Object)
        {
            throw context.Source.Error(item.Position, $"'{Name}' must be {Allowed}, but holds {item.Describe()}.");
        }

        ImmutableDictionary<string, ImmutableArray<string>>.Builder values = ImmutableDictionary.CreateBuilder<
            string,
            ImmutableArray<string>
        >(StringComparer.Ordinal);
        foreach (PolicyMember member in item.Members)
        {
            ObjectField field = fields.FirstOrDefault(field => field.Name == member.Name)
                ?? throw context.Source.Error(
                    member.NamePosition,
                    $"Unknown key '{QuotedText.Of(member.Name)}' in '{Name}'; an entry has {All(fields)}."
                );
            values[field.Name] = field.IsList ? ReadList(field, member.Value, context) : [ReadText(field, member.Value, context)];
        }

        return fields.FirstOrDefault(field => field.IsRequired && !values.ContainsKey(field.Name)) is { } missing
            ? throw context.Source.Error(item.Position, $"An entry of '{Name}' has no '{missing.Name}'; add it.")
            : new ObjectValues(values.ToImmutable());
    }

    private ImmutableArray<string> ReadList(ObjectField field, PolicyNode node, PolicyContext context) =>
        node.Kind == PolicyNodeKind.Array
            ? [.. node.Items.Select(item => ReadText(field, item, context))]
            : throw context.Source.Error(
                node.Position,
                $"'{Name}' field '{field.Name}' must be a list of texts, but is {node.Describe()}."
            );

    private string ReadText(ObjectField field, PolicyNode node, PolicyContext context)
    {
        if (node.Kind != PolicyNodeKind.Text)
        {
            throw context.Source.Error(node.Position, $"'{Name}' field '{field.Name}' must be text, but is {node.Describe()}.");
        }

        Checked<string> result = field.Rule(node.Text);
        return result.Value
            ?? throw context.Source.Error(
                node.Position,
                $"'{Name}' field '{field.Name}' with the text '{QuotedText.Of(node.Text)}' is refused: {result.Problem}."
            );
    }

    private static string All(ImmutableArray<ObjectField> fields) =>
        Words.Either(fields.Select(field => field.Name)).Replace(" or ", " and ", StringComparison.Ordinal);
}
