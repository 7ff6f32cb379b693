using System.Collections.Immutable;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Keys;

/// <summary>A key whose value is a list of texts, each accepted by a rule.</summary>
/// <typeparam name="T">What an accepted entry is.</typeparam>
internal sealed class ListKey<T>(
    string name,
    string meaning,
    string allowed,
    Func<Policy, ImmutableArray<T>> get,
    Func<Policy, ImmutableArray<T>, Policy> set,
    Func<string, PolicyContext, Checked<T>> rule,
    Func<T, string> text
) : PolicyKey(name, PolicyKeyKind.List, meaning)
{
    /// <summary>The part of an entry that no two entries may share, and its name in messages; null when entries may be alike.</summary>
    public (Func<T, string> Of, string Noun)? Unique { get; init; }

    public override string Allowed { get; } = $"a list of {allowed}";

    public override JsonNode? ValueOf(Policy policy) => Words.Json(get(policy).Select(text));

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context)
    {
        if (node.Kind != PolicyNodeKind.Array)
        {
            throw MustBe(node, context);
        }

        ImmutableArray<T>.Builder entries = ImmutableArray.CreateBuilder<T>(node.Items.Length);
        foreach (PolicyNode item in node.Items)
        {
            if (item.Kind != PolicyNodeKind.Text)
            {
                throw context.Source.Error(item.Position, $"'{Name}' must be {Allowed}, but holds {item.Describe()}.");
            }

            Checked<T> result = rule(item.Text, context);
            T entry = result.Problem is null ? result.Value! : throw Refused(item, context, result.Problem);
            if (Unique is { } unique && entries.Any(other => unique.Of(other) == unique.Of(entry)))
            {
                throw Refused(
                    item,
                    context,
                    $"another entry has the same {unique.Noun} '{QuotedText.Of(unique.Of(entry))}'; keep one of them"
                );
            }

            entries.Add(entry);
        }

        return set(policy, entries.ToImmutable());
    }

    public override JsonObject Schema() =>
        new()
        {
            ["type"] = "array",
            ["items"] = new JsonObject { ["type"] = "string", ["minLength"] = 1 },
        };
}
