using System.Buffers;
using System.Globalization;
using System.Text;
using IsolatedAgents.Text;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Reports;

/// <summary>
/// Text that an agent may have chosen, for an HTML page and for an HTML block in Markdown. Every character that HTML or any Markdown gives
/// a meaning to becomes a character reference: no link, image, mention or emphasis can come of it, however the host reads the page.
/// </summary>
internal static class InertHtml
{
    private static readonly SearchValues<char> Harmless = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,-"
    );

    /// <summary>The text on one line, without secrets, cut at <paramref name="maxLength"/> characters.</summary>
    /// <param name="text">As it was given.</param>
    /// <param name="maxLength">The most characters before they are encoded.</param>
    /// <param name="masker">
    /// Removes secrets before anything is escaped, and again behind each escape: what was none before may read as one then.
    /// </param>
    public static string Encode(string text, int maxLength, SecretMasker masker)
    {
        string shown = masker.Mask(UntrustedText.Display(masker.Mask(text)));
        if (shown.Length > maxLength)
        {
            int end = char.IsHighSurrogate(shown[maxLength - 1]) ? maxLength - 1 : maxLength;
            shown = shown[..end] + "…";
        }

        if (!shown.AsSpan().ContainsAnyExcept(Harmless))
        {
            return shown;
        }

        var encoded = new StringBuilder(shown.Length * 2);
        foreach (char character in shown)
        {
            if (character < 0x80 && !Harmless.Contains(character))
            {
                encoded.Append(CultureInfo.InvariantCulture, $"&#{(int)character};");
            }
            else
            {
                encoded.Append(character);
            }
        }

        return masker.Mask(encoded.ToString());
    }
}
