using System.Globalization;
using IsolatedAgents.Policies.Reading;

namespace IsolatedAgents.Policies.Keys;

/// <summary>Numbers that come as the text of a parameter.</summary>
internal static class NumberText
{
    private const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;

    public static PolicyNode Node(string text)
    {
        string trimmed = text.Trim();
        return double.TryParse(trimmed, Styles, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
            ? new PolicyNode(PolicyNodeKind.Number, default) { Text = trimmed }
            : PolicyNode.FromText(text);
    }
}
