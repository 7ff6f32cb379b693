using System.Globalization;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;

namespace IsolatedAgents.Policies.Keys;

/// <summary>A key whose value is a whole number in a range.</summary>
internal sealed class IntegerKey(
    string name,
    string meaning,
    long minimum,
    long maximum,
    Func<Policy, long> get,
    Func<Policy, long, Policy> set
) : PolicyKey(name, PolicyKeyKind.Integer, meaning)
{
    /// <summary>The largest value.</summary>
    public long Maximum => maximum;

    /// <summary>Why 0 is refused, for keys where 0 means "no limit" elsewhere.</summary>
    public string? ZeroHint { get; init; }

    public override string Allowed => string.Create(CultureInfo.InvariantCulture, $"an integer from {minimum} to {maximum}");

    public override JsonNode? ValueOf(Policy policy) => get(policy);

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context)
    {
        // JSON knows no integers: 512.0 and 5.12e2 are the number 512.
        if (
            node.Kind != PolicyNodeKind.Number
            || !decimal.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal value)
            || value < minimum
            || value > maximum
            || value != decimal.Truncate(value)
        )
        {
            throw MustBe(node, context, node.Text == "0" ? ZeroHint : null);
        }

        return set(policy, (long)value);
    }

    public override JsonObject Schema() =>
        new()
        {
            ["type"] = "integer",
            ["minimum"] = minimum,
            ["maximum"] = maximum,
        };

    protected override PolicyNode OneFromText(string text) => NumberText.Node(text);
}
