using System.Buffers;
using System.Globalization;
using System.Text;

namespace IsolatedAgents.Text;

/// <summary>
/// Text that an agent may have chosen: output, file names, host names, arguments. It must neither steer a terminal nor give orders to a
/// build host that reads the log.
/// <see cref="IsUnsafe"/> is the one place that knows what is dangerous; formats differ only in how they write it.
/// </summary>
internal static class UntrustedText
{
    /// <summary>Longest text that is shown in one piece, in characters.</summary>
    public const int MaxLength = 16 * 1024;

    private const int MaxCodeLength = 40;

    // Printable ASCII that no format has to escape.
    private static readonly SearchValues<char> PlainCharacters = SearchValues.Create(
        " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
    );

    // Whatever IsUnsafe finds among these characters holds one of these.
    private static readonly SearchValues<string> Suspicious = SearchValues.Create(
        ["##", "::", "error", "warning"],
        StringComparison.OrdinalIgnoreCase
    );
    private static readonly SearchValues<char> ColourParameters = SearchValues.Create("0123456789;:");

    /// <summary>
    /// Whether the character at <paramref name="index"/> must not be written as it is: a control or a character that reorders or breaks
    /// lines, a lone surrogate, or the one character that completes a build host's command (<c>::</c> at the start, <c>##[</c> and
    /// <c>##vso[</c> anywhere) or a problem line (<c>error CODE:</c>, <c>file: warning:</c>).
    /// </summary>
    public static bool IsUnsafe(ReadOnlySpan<char> text, int index)
    {
        char character = text[index];
        switch (character)
        {
            case < ' ' or (>= '\u007F' and <= '\u009F'):
                return true;
            case '#':
                return index > 0 && text[index - 1] == '#' && StartsCommand(text[(index + 1)..]);
            case ':':
                return index > 0 && text[index - 1] == ':' && IsAtStart(text[..(index - 1)]);
            case 'e' or 'E':
                return StartsProblem(text, index, "error");
            case 'w' or 'W':
                return StartsProblem(text, index, "warning");
            case < '\u061C':
                return false;
            case '\u061C'
            or '\u200B'
            or '\u200E'
            or '\u200F'
            or (>= '\u2028' and <= '\u202E')
            or (>= '\u2060' and <= '\u206F')
            or '\uFEFF'
            or >= '\uFFFE':
                return true;
        }

        return char.IsSurrogate(character) && !IsPaired(text, index);
    }

    /// <summary>
    /// Whether nothing in a text can be dangerous or needs an escape: a quick answer for nearly every text, and never a wrong yes.
    /// </summary>
    public static bool IsPlain(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(PlainCharacters) && !text.ContainsAny(Suspicious);

    /// <summary>
    /// The text as a person may see it on one line: colour codes are left out, other dangerous characters become visible escapes, commands
    /// are broken by a backslash, and what is beyond <see cref="MaxLength"/> is cut with a note. The same instance where nothing is
    /// dangerous.
    /// </summary>
    public static string Display(string text)
    {
        int first = FirstUnsafe(text);
        if (first < 0 && text.Length <= MaxLength)
        {
            return text;
        }

        string plain = WithoutColours(text);
        int length = Math.Min(plain.Length, MaxLength);
        if (length < plain.Length && char.IsHighSurrogate(plain[length - 1]))
        {
            length--;
        }

        var display = new StringBuilder(length + 64);
        for (int i = 0; i < length; i++)
        {
            char character = plain[i];
            if (!IsUnsafe(plain, i))
            {
                display.Append(character);
            }
            else if (character is '#' or ':' || char.IsAsciiLetter(character))
            {
                display.Append('\\').Append(character);
            }
            else if (character == '\t')
            {
                display.Append("    ");
            }
            else
            {
                display.Append("\\u").Append(((int)character).ToString("X4", CultureInfo.InvariantCulture));
            }
        }

        if (length < plain.Length)
        {
            display.Append(CultureInfo.InvariantCulture, $" [cut: {plain.Length - length} more characters]");
        }

        return display.ToString();
    }

    private static int FirstUnsafe(ReadOnlySpan<char> text)
    {
        if (IsPlain(text))
        {
            return -1;
        }

        for (int i = 0; i < text.Length; i++)
        {
            if (IsUnsafe(text, i))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Looks backwards, so that a line of many colons is not looked at from its start for each.</summary>
    private static bool IsAtStart(ReadOnlySpan<char> before) => before.TrimEnd().IsEmpty;

    private static bool StartsCommand(ReadOnlySpan<char> rest) =>
        rest.StartsWith('[') || rest.StartsWith("vso[", StringComparison.OrdinalIgnoreCase);

    private static bool StartsProblem(ReadOnlySpan<char> text, int index, string word)
    {
        ReadOnlySpan<char> rest = text[index..];
        // Before the word stands a blank or nothing. What was shown once already is not broken a second time.
        if (
            !rest.StartsWith(word, StringComparison.OrdinalIgnoreCase)
            || (index > 0 && (char.IsLetterOrDigit(text[index - 1]) || text[index - 1] == '\\'))
        )
        {
            return false;
        }

        rest = rest[word.Length..];
        if (rest.IsEmpty || char.IsLetterOrDigit(rest[0]))
        {
            return false;
        }

        // It takes a code with a digit, or a place before it: "Error: …" and "error occurred: …" are what most programs say, and no build
        // host heeds them.
        ReadOnlySpan<char> code = rest.TrimStart();
        int end = code[..Math.Min(code.Length, MaxCodeLength)].IndexOfAny(':', ' ', '\t');
        return end >= 0
            && code[end..].TrimStart().StartsWith(':')
            && (code[..end].ContainsAnyInRange('0', '9') || text[..index].TrimEnd() is [.., ':' or '-' or ')']);
    }

    private static bool IsPaired(ReadOnlySpan<char> text, int index) =>
        char.IsHighSurrogate(text[index])
            ? index + 1 < text.Length && char.IsLowSurrogate(text[index + 1])
            : index > 0 && char.IsHighSurrogate(text[index - 1]);

    /// <summary>Leaves out complete <c>ESC [ … m</c> sequences alone: any other sequence stays, to be seen.</summary>
    private static string WithoutColours(string text)
    {
        if (!text.Contains("\e[", StringComparison.Ordinal))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length);
        int position = 0;
        while (position < text.Length)
        {
            ReadOnlySpan<char> rest = text.AsSpan(position);
            int length = ColourLength(rest);
            if (length == 0)
            {
                plain.Append(rest[0]);
                length = 1;
            }

            position += length;
        }

        return plain.ToString();
    }

    private static int ColourLength(ReadOnlySpan<char> text)
    {
        if (!text.StartsWith("\e["))
        {
            return 0;
        }

        int end = text[2..].IndexOfAnyExcept(ColourParameters);
        return end >= 0 && text[end + 2] == 'm' ? end + 3 : 0;
    }
}
