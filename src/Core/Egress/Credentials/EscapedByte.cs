using System.Buffers;
using System.Buffers.Text;
using System.Globalization;

namespace IsolatedAgents.Egress.Credentials;

/// <summary>
/// Reads one byte that text formats have escaped: percent codes, JSON's and JavaScript's backslashes, HTML's references; percent codes and
/// backslashes also several times over.
/// </summary>
internal static class EscapedByte
{
    // Escapes of escapes: each round adds to them. Deeper ones are taken for what they are.
    private const int MostNested = 16;

    // More than any escape takes.
    private const int Longest = 48;

    private static readonly SearchValues<byte> ReferenceDigits = SearchValues.Create("0123456789abcdefABCDEFxX"u8);

    /// <summary>Reads what stands at the beginning.</summary>
    /// <param name="text">From the escape on.</param>
    /// <param name="value">The byte that it stands for.</param>
    /// <returns>The length of the escape; 0 where there is none, and -1 where its end is still to come.</returns>
    public static int Read(ReadOnlySpan<byte> text, out byte value)
    {
        value = 0;
        text = text[..Math.Min(text.Length, Longest)];
        return text[0] switch
        {
            (byte)'%' => ReadPercent(text, out value),
            (byte)'\\' => ReadBackslash(text, out value),
            (byte)'&' => ReadReference(text, out value),
            _ => 0,
        };
    }

    private static int ReadPercent(ReadOnlySpan<byte> text, out byte value)
    {
        value = 0;
        int at = 1;
        for (int nested = 0; nested < MostNested && text[at..].StartsWith("25"u8); nested++)
        {
            // Either the end of a nested escape, or the sign itself.
            at += 2;
        }

        int length = ReadHex(text, at, 2, out value);
        return length == 0 && at > 1 ? Sign(at, out value) : length;
    }

    private static int Sign(int length, out byte value)
    {
        value = (byte)'%';
        return length;
    }

    private static int ReadBackslash(ReadOnlySpan<byte> text, out byte value)
    {
        value = 0;
        int at = text.IndexOfAnyExcept((byte)'\\');
        if (at < 0)
        {
            return text.Length > MostNested ? 0 : -1;
        }

        if (at > MostNested)
        {
            return 0;
        }

        switch (text[at])
        {
            case (byte)'u':
                return ReadHex(text, at + 1, 4, out value);
            case (byte)'x':
                return ReadHex(text, at + 1, 2, out value);
            case (byte)'n' or (byte)'r':
                value = (byte)'\n';
                return at + 1;
            case (byte)'/' or (byte)'"' or (byte)'\'':
                value = text[at];
                return at + 1;
            default:
                value = (byte)'\\';
                return at > 1 ? at : 0;
        }
    }

    private static int ReadReference(ReadOnlySpan<byte> text, out byte value)
    {
        const int LongestName = 10;
        value = 0;
        int end = text[..Math.Min(text.Length, LongestName)].IndexOf((byte)';');
        if (end < 0)
        {
            return text.Length >= LongestName || !CanBeReference(text) ? 0 : -1;
        }

        ReadOnlySpan<byte> name = text[1..end];
        bool isHex = name.StartsWith("#x"u8) || name.StartsWith("#X"u8);
        if (
            name.StartsWith("#"u8)
            && int.TryParse(
                name[(isHex ? 2 : 1)..],
                isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None,
                CultureInfo.InvariantCulture,
                out int number
            )
            && number is > 0 and < 128
        )
        {
            value = (byte)number;
            return end + 1;
        }

        value =
            name.SequenceEqual("amp"u8) ? (byte)'&'
            : name.SequenceEqual("lt"u8) ? (byte)'<'
            : name.SequenceEqual("gt"u8) ? (byte)'>'
            : name.SequenceEqual("quot"u8) ? (byte)'"'
            : (byte)0;
        return value == 0 ? 0 : end + 1;
    }

    private static bool CanBeReference(ReadOnlySpan<byte> text) =>
        text.Length == 1
        || (
            text[1] == (byte)'#'
                ? text[2..].IndexOfAnyExcept(ReferenceDigits) < 0
                : "&amp;"u8.StartsWith(text) || "&lt;"u8.StartsWith(text) || "&gt;"u8.StartsWith(text) || "&quot;"u8.StartsWith(text)
        );

    /// <summary>So many hexadecimal digits at a place; a byte that is more than ASCII is none of a secret's.</summary>
    private static int ReadHex(ReadOnlySpan<byte> text, int at, int digits, out byte value)
    {
        value = 0;
        ReadOnlySpan<byte> there = text[Math.Min(at, text.Length)..Math.Min(at + digits, text.Length)];
        foreach (byte digit in there)
        {
            if (!char.IsAsciiHexDigit((char)digit))
            {
                return 0;
            }
        }

        if (there.Length < digits)
        {
            return -1;
        }

        bool isNumber = Utf8Parser.TryParse(there, out int number, out _, 'x') && number < 128;
        value = (byte)(isNumber ? number : 0);
        return isNumber ? at + digits : 0;
    }
}
