using System.Globalization;
using System.Text;

namespace IsolatedAgents.Text;

/// <summary>
/// Makes foreign text safe to stand in a one-line message: nothing in it can end the line, colour it or turn its direction.
/// </summary>
internal static class QuotedText
{
    private const int MaxLength = 200;

    public static string Of(string text)
    {
        StringBuilder result = new(Math.Min(text.Length, MaxLength));
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (result.Length >= MaxLength)
            {
                return result.Append('…').ToString();
            }

            if (IsHidden(Rune.GetUnicodeCategory(rune)))
            {
                result.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}");
            }
            else
            {
                result.Append(rune.ToString());
            }
        }

        return result.ToString();
    }

    private static bool IsHidden(UnicodeCategory category) =>
        category
            is UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.Surrogate
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.OtherNotAssigned;
}
