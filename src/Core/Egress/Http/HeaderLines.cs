using System.Buffers;
using System.Globalization;
using System.Text;

namespace IsolatedAgents.Egress.Http;

/// <summary>
/// Reads the header fields of an HTTP/1.x head or trailer, strictly: what two readers could take differently is refused (RFC 9112, 5 and
/// 11.2).
/// </summary>
internal static class HeaderLines
{
    private static readonly SearchValues<byte> TokenBytes = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8
    );

    /// <summary>Takes the next line without its CRLF.</summary>
    /// <returns>False where no whole line is there, or where the line holds a bare CR, a bare LF or NUL.</returns>
    public static bool TryTakeLine(ref ReadOnlySpan<byte> from, out ReadOnlySpan<byte> line)
    {
        int end = from.IndexOfAny((byte)'\r', (byte)'\n', (byte)0);
        line = end < 0 ? [] : from[..end];
        if (end < 0 || from[end] != (byte)'\r' || end + 1 >= from.Length || from[end + 1] != (byte)'\n')
        {
            return false;
        }

        from = from[(end + 2)..];
        return true;
    }

    /// <summary>
    /// Splits a line at its colon. A line that continues the one before, a blank before the colon and control characters make it no field.
    /// </summary>
    public static bool TrySplit(ReadOnlySpan<byte> line, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        int colon = line.IndexOf((byte)':');
        name = colon <= 0 ? [] : line[..colon];
        value = colon <= 0 ? [] : line[(colon + 1)..].Trim(" \t"u8);
        return colon > 0 && IsToken(name) && !HasControls(value);
    }

    public static bool IsToken(ReadOnlySpan<byte> text) => !text.IsEmpty && text.IndexOfAnyExcept(TokenBytes) < 0;

    /// <summary>How many bytes at the beginning can be of a token.</summary>
    public static int TokenLength(ReadOnlySpan<byte> text) => text.IndexOfAnyExcept(TokenBytes) is var end and >= 0 ? end : text.Length;

    public static bool Is(ReadOnlySpan<byte> text, ReadOnlySpan<byte> lowerCase) => Ascii.EqualsIgnoreCase(text, lowerCase);

    /// <summary>Whether a comma-separated list holds a token.</summary>
    public static bool Lists(ReadOnlySpan<byte> list, ReadOnlySpan<byte> lowerCase)
    {
        foreach (Range part in list.Split((byte)','))
        {
            if (Is(list[part].Trim(" \t"u8), lowerCase))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Whether some server would read the name as <paramref name="lowerCase"/>: gateways turn hyphens into underscores and back.
    /// </summary>
    public static bool IsDisguised(ReadOnlySpan<byte> name, ReadOnlySpan<byte> lowerCase)
    {
        if (name.Length != lowerCase.Length || name.IndexOf((byte)'_') < 0)
        {
            return false;
        }

        Span<byte> plain = stackalloc byte[name.Length];
        name.Replace(plain, (byte)'_', (byte)'-');
        return Is(plain, lowerCase);
    }

    /// <summary>A length as RFC 9110 writes it: digits alone, no list, no sign.</summary>
    public static bool TryReadLength(ReadOnlySpan<byte> text, out long length)
    {
        length = 0;
        return text.Length is > 0 and <= 18
            && text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out length);
    }

    private static bool HasControls(ReadOnlySpan<byte> value)
    {
        foreach (byte b in value)
        {
            if ((b < 0x20 && b != (byte)'\t') || b == 0x7F)
            {
                return true;
            }
        }

        return false;
    }
}
