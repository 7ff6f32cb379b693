using System.Globalization;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Reading;

namespace IsolatedAgents.Policies.Keys;

/// <summary>A key whose value is a number in a range.</summary>
internal sealed class NumberKey(
    string name,
    string meaning,
    double minimum,
    double maximum,
    Func<Policy, double> get,
    Func<Policy, double, Policy> set
) : PolicyKey(name, PolicyKeyKind.Number, meaning)
{
    /// <summary>Whether the lower end of the range itself is refused.</summary>
    public bool ExcludesMinimum { get; init; }

    public override string Allowed =>
        ExcludesMinimum
            ? string.Create(CultureInfo.InvariantCulture, $"a number above {minimum} and up to {maximum}")
            : string.Create(CultureInfo.InvariantCulture, $"a number from {minimum} to {maximum}");

    public override JsonNode? ValueOf(Policy policy) => get(policy);

    public override Policy Apply(Policy policy, PolicyNode node, PolicyContext context)
    {
        if (
            node.Kind != PolicyNodeKind.Number
            || !double.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            || value < minimum
            || value > maximum
            || (ExcludesMinimum && value == minimum)
        )
        {
            throw MustBe(node, context);
        }

        return set(policy, value);
    }

    public override JsonObject Schema() =>
        new()
        {
            ["type"] = "number",
            [ExcludesMinimum ? "exclusiveMinimum" : "minimum"] = minimum,
            ["maximum"] = maximum,
        };

    protected override PolicyNode OneFromText(string text) => NumberText.Node(text);
}
