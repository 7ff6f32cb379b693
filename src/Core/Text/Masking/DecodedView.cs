using System.Text;

namespace IsolatedAgents.Text.Masking;

/// <summary>A text as bytes from which escapes are taken step by step, each of which still knows where in the text it came from.</summary>
internal sealed class DecodedView
{
    private const byte Escape = 0x1B;

    // Tells a code point, which may take several bytes, from a byte.
    private const int CodePoint = 1 << 24;
    private const byte Barrier = (byte)'|';
    private const int LeastDigits = 2 * SecretMasker.MinimumLength;

    private readonly byte[] _bytes;
    private readonly (int Start, int End)[] _sources;

    private DecodedView(List<byte> bytes, List<(int Start, int End)> sources)
    {
        _bytes = [.. bytes];
        _sources = [.. sources];
        Length = _bytes.Length;
    }

    /// <summary>How many bytes are left.</summary>
    public int Length { get; private set; }

    /// <summary>The bytes that are left.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    /// <summary>The text as it is.</summary>
    public static DecodedView Of(string text)
    {
        List<byte> bytes = new(text.Length);
        List<(int, int)> sources = new(text.Length);
        Span<byte> encoded = stackalloc byte[4];
        int position = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            int count = rune.EncodeToUtf8(encoded);
            for (int i = 0; i < count; i++)
            {
                bytes.Add(encoded[i]);
                sources.Add((position, position + rune.Utf16SequenceLength));
            }

            position += rune.Utf16SequenceLength;
        }

        return new DecodedView(bytes, sources);
    }

    /// <summary>
    /// The hexadecimal digits of a text in lower case, without what usually separates two of them; null where they are too few.
    /// </summary>
    public static DecodedView? HexadecimalDigits(string text)
    {
        // Most texts have no such run, and cost no more than being looked at.
        int run = 0;
        for (int i = 0; i < text.Length && run < LeastDigits; i++)
        {
            run = DigitAt(text, i) switch
            {
                Barrier => 0,
                0 => run,
                _ => run + 1,
            };
        }

        if (run < LeastDigits)
        {
            return null;
        }

        List<byte> bytes = new(text.Length);
        List<(int, int)> sources = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (DigitAt(text, i) is > 0 and byte digit)
            {
                bytes.Add(digit);
                sources.Add((i, i + 1));
            }
        }

        return new DecodedView(bytes, sources);
    }

    // A digit in lower case, 0 for what separates digits, the 0 of 0x among it, or a barrier for all else.
    private static byte DigitAt(string text, int index)
    {
        char character = text[index];
        if (character == '0' && index + 1 < text.Length && text[index + 1] is 'x' or 'X')
        {
            return 0;
        }

        return char.IsAsciiHexDigit(character) ? (byte)char.ToLowerInvariant(character)
            : character is ' ' or ':' or '-' or ',' or '_' or '\\' or 'x' or 'X' ? (byte)0
            : Barrier;
    }

    /// <summary>The place in the text that some of the bytes came from.</summary>
    public (int Start, int End) Source(int index, int count) => (_sources[index].Start, _sources[index + count - 1].End);

    /// <summary>Takes one level of escapes, and all that is not seen. Whether there was any.</summary>
    public bool Decode()
    {
        int written = 0;
        Span<byte> encoded = stackalloc byte[4];
        for (int i = 0; i < Length; )
        {
            (int taken, int value) = Next(_bytes.AsSpan(i, Length - i));
            (int Start, int End) source = (_sources[i].Start, _sources[i + taken - 1].End);
            i += taken;
            if (value < 0)
            {
                continue;
            }

            // An escape is longer than what it stands for, so that what is written never overtakes what is read.
            encoded[0] = (byte)value;
            int count = (value & CodePoint) == 0 ? 1 : new Rune(value & ~CodePoint).EncodeToUtf8(encoded);
            for (int j = 0; j < count; j++)
            {
                _bytes[written] = encoded[j];
                _sources[written++] = source;
            }
        }

        bool isChanged = written < Length;
        Length = written;
        return isChanged;
    }

    // How many bytes the next sign takes and what it stands for: a byte, a marked code point, or nothing (-1).
    private static (int Taken, int Value) Next(ReadOnlySpan<byte> rest) =>
        rest[0] switch
        {
            (byte)'%' when Hexadecimal(rest, 1, 2) is >= 0 and int value => (3, value),
            (byte)'\\' when rest.Length > 1 => NextAfterBackslash(rest),
            Escape => (SequenceLength(rest), -1),
            < 0x20 or 0x7F => (1, -1),
            0xC2 when rest is [_, 0xAD, ..] => (2, -1),
            0xCD when rest is [_, 0x8F, ..] => (2, -1),
            0xD8 when rest is [_, 0x9C, ..] => (2, -1),
            0xE1 when rest is [_, 0xA0, 0x8E, ..] => (3, -1),
            0xE2 when rest is [_, 0x80, >= 0x8B and <= 0x8F or >= 0xAA and <= 0xAE, ..] or [_, 0x81, >= 0xA0 and <= 0xA9, ..] => (3, -1),
            0xEF when rest is [_, 0xBB, 0xBF, ..] => (3, -1),
            _ => (1, rest[0]),
        };

    private static (int Taken, int Value) NextAfterBackslash(ReadOnlySpan<byte> rest)
    {
        switch (rest[1])
        {
            case (byte)'u' when Hexadecimal(rest, 2, 4) is >= 0 and int unit:
                if (
                    char.IsHighSurrogate((char)unit)
                    && rest is [_, _, _, _, _, _, (byte)'\\', (byte)'u', ..]
                    && Hexadecimal(rest, 8, 4) is >= 0 and int low
                    && char.IsLowSurrogate((char)low)
                )
                {
                    return (12, char.ConvertToUtf32((char)unit, (char)low) | CodePoint);
                }

                return char.IsSurrogate((char)unit) ? (6, -1) : (6, unit | CodePoint);
            case (byte)'x' when Hexadecimal(rest, 2, 2) is >= 0 and int value:
                return (4, value);
            case (byte)'"' or (byte)'\'' or (byte)'/' or (byte)'\\':
                return (2, rest[1]);
            default:
                return (1, rest[0]);
        }
    }

    // ECMA-48: a control sequence ends with a byte from @ to ~, a string with BEL or ESC \; anything else is two bytes.
    private static int SequenceLength(ReadOnlySpan<byte> rest)
    {
        if (rest.Length < 2)
        {
            return 1;
        }

        if (rest[1] == '[')
        {
            int end = rest[2..].IndexOfAnyInRange((byte)'@', (byte)'~');
            return end < 0 ? 2 : end + 3;
        }

        if (rest[1] is (byte)']' or (byte)'P' or (byte)'_' or (byte)'^')
        {
            int end = rest[2..].IndexOfAny((byte)0x07, Escape);
            return end < 0 ? 2 : end + (rest[end + 2] == Escape && rest.Length > end + 3 ? 4 : 3);
        }

        return 2;
    }

    private static int Hexadecimal(ReadOnlySpan<byte> bytes, int start, int count)
    {
        if (bytes.Length < start + count)
        {
            return -1;
        }

        int value = 0;
        foreach (byte digit in bytes.Slice(start, count))
        {
            if (!char.IsAsciiHexDigit((char)digit))
            {
                return -1;
            }

            value = (value << 4) | (digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
        }

        return value;
    }
}
