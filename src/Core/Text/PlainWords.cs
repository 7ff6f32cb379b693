using System.Text.RegularExpressions;

namespace IsolatedAgents.Text;

/// <summary>Shows a sentence of the documentation where Markdown is not rendered.</summary>
internal static partial class PlainWords
{
    /// <summary>The sentence without the marks of code and with the text of links alone.</summary>
    public static string Of(string markdown) => LinkPattern().Replace(markdown, "$1").Replace("`", "", StringComparison.Ordinal);

    [GeneratedRegex(@"\[([^\]]*)\]\([^)]*\)")]
    private static partial Regex LinkPattern();
}
