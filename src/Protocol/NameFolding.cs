using System.Globalization;
using System.Text;

namespace IsolatedAgents.Protocol;

/// <summary>
/// Finds names that file systems take for the same when they ignore case or the form of a character. Finds more than any one of them does,
/// and less than none: it decides what must not be written. Needs no data of the system's, so that it holds wherever this runs.
/// </summary>
internal static class NameFolding
{
    // Stands for any character beyond ASCII in an outline.
    private const char Any = '\uFFFF';

    // All characters whose full case folding, or canonical or compatibility form, is ASCII (Unicode's CaseFolding.txt and UnicodeData.txt).
    private const char FirstFullwidth = '\uFF01';
    private const char LastFullwidth = '\uFF5E';
    private const int FullwidthOffset = 0xFEE0;

    /// <summary>The name in capitals, with every letter that folds to ASCII as that.</summary>
    public static string Fold(string name)
    {
        StringBuilder folded = new(name.Length);
        foreach (char letter in name)
        {
            string? ascii = letter switch
            {
                '\u212A' => "K",
                '\u0130' or '\u0131' => "I",
                '\u017F' => "S",
                '\u00DF' or '\u1E9E' => "SS",
                '\uFB00' => "FF",
                '\uFB01' => "FI",
                '\uFB02' => "FL",
                '\uFB03' => "FFI",
                '\uFB04' => "FFL",
                '\uFB05' or '\uFB06' => "ST",
                '\u1FEF' => "`",
                '\u037E' => ";",
                _ => null,
            };
            if (ascii is not null)
            {
                folded.Append(ascii);
            }
            else if (CharUnicodeInfo.GetUnicodeCategory(letter) != UnicodeCategory.Format)
            {
                folded.Append(
                    char.ToUpperInvariant(letter is >= FirstFullwidth and <= LastFullwidth ? (char)(letter - FullwidthOffset) : letter)
                );
            }
        }

        return folded.ToString();
    }

    /// <summary>Whether the name may be another form of one that is written with fewer characters.</summary>
    public static bool HasMarks(string name) => !Ascii.IsValid(name) && name.Any(IsMark);

    /// <summary>The name with every character beyond ASCII, and every one that carries marks, as the same one.</summary>
    public static string Outline(string name)
    {
        StringBuilder outline = new(name.Length);
        foreach (char letter in Fold(name))
        {
            if (IsMark(letter) && outline.Length > 0)
            {
                outline[^1] = Any;
            }
            else
            {
                outline.Append(char.IsAscii(letter) ? letter : Any);
            }
        }

        return outline.ToString();
    }

    // Marks, and the vowels and final consonants that make a syllable of Hangul with what is before them.
    private static bool IsMark(char letter) =>
        CharUnicodeInfo.GetUnicodeCategory(letter)
            is UnicodeCategory.NonSpacingMark
                or UnicodeCategory.SpacingCombiningMark
                or UnicodeCategory.EnclosingMark
        || letter is >= '\u1160' and <= '\u11FF';
}
