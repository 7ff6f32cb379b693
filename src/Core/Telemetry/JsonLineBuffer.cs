using System.Buffers.Text;
using System.Globalization;
using System.Text;
using IsolatedAgents.Events;
using IsolatedAgents.Text;

namespace IsolatedAgents.Telemetry;

/// <summary>One line of JSON, in a buffer that grows and is used again.</summary>
internal sealed class JsonLineBuffer
{
    private const int LongestNumber = 32;

    /// <summary>An escape takes six bytes; no character takes more.</summary>
    private const int LongestCharacter = 6;

    private const int TimestampStart = 14;

    /// <summary>Behind <c>2026-11-22T15:30:47.</c></summary>
    private const int FractionStart = TimestampStart + 20;
    private const int FractionDigits = 6;

    private readonly byte[] _timestamp = new byte[FractionStart + FractionDigits + 2];
    private byte[] _bytes = new byte[4096];
    private long _second = -1;
    private int _length;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public void Begin() => _length = 0;

    public void End() => Append("}\n"u8);

    /// <summary>Bytes of our own: pieces of JSON as they stand.</summary>
    public void Append(ReadOnlySpan<byte> json)
    {
        Room(json.Length);
        json.CopyTo(_bytes.AsSpan(_length));
        _length += json.Length;
    }

    /// <summary>The name of what limits a detail.</summary>
    public void LimitName(DetailName name)
    {
        Append(name.JsonMember.AsSpan()[..^2]);
        Append(".limit\":"u8);
    }

    /// <summary>A text of our own: ASCII, nothing to escape.</summary>
    public void OwnString(string value)
    {
        Room(value.Length + 2);
        _bytes[_length++] = (byte)'"';
        _length += Encoding.ASCII.GetBytes(value, _bytes.AsSpan(_length));
        _bytes[_length++] = (byte)'"';
    }

    public void String(string value)
    {
        Byte('"');
        Characters(value);
        Byte('"');
    }

    /// <summary>
    /// Words of our own in lower case and without a trailing ellipsis. What an engine says may stand among them: characters that JSON
    /// escapes become question marks.
    /// </summary>
    public void Word(string value)
    {
        ReadOnlySpan<char> word = value.AsSpan().TrimEnd('.');
        Room(word.Length + 2);
        Span<byte> bytes = _bytes.AsSpan(_length, word.Length + 2);
        bytes[0] = (byte)'"';
        for (int i = 0; i < word.Length; i++)
        {
            char character = word[i];
            bytes[i + 1] = (byte)(
                char.IsAsciiLetterUpper(character) ? character | 0x20
                : character is < ' ' or > '~' or '"' or '\\' ? '?'
                : character
            );
        }

        bytes[^1] = (byte)'"';
        _length += bytes.Length;
    }

    public void True() => Append("true"u8);

    public void Number(long value)
    {
        Room(LongestNumber);
        value.TryFormat(_bytes.AsSpan(_length), out int written, default, CultureInfo.InvariantCulture);
        _length += written;
    }

    public void Number(double value)
    {
        if (!double.IsFinite(value))
        {
            Append("null"u8);
            return;
        }

        Room(LongestNumber);
        value.TryFormat(_bytes.AsSpan(_length), out int written, default, CultureInfo.InvariantCulture);
        _length += written;
    }

    /// <summary>The start of a line: its first member, with microseconds.</summary>
    public void Timestamp(DateTimeOffset value)
    {
        long second = value.UtcTicks / TimeSpan.TicksPerSecond;
        if (second != _second)
        {
            // Events come in their order, many in a second: all but the digits of the fraction stays.
            _second = second;
            "{\"timestamp\":\""u8.CopyTo(_timestamp);
            Utf8Formatter.TryFormat(value.UtcDateTime, _timestamp.AsSpan(TimestampStart), out _, 'O');
            "Z\""u8.CopyTo(_timestamp.AsSpan(FractionStart + FractionDigits));
        }

        int fraction = (int)(value.UtcTicks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond);
        for (int i = FractionStart + FractionDigits - 1; i >= FractionStart; i--)
        {
            (fraction, int digit) = Math.DivRem(fraction, 10);
            _timestamp[i] = (byte)('0' + digit);
        }

        Append(_timestamp);
    }

    public void BeginArray() => Byte('[');

    public void EndArray() => Byte(']');

    public void Element(string value)
    {
        Separate();
        String(value);
    }

    /// <summary>An element <c>"label=value"</c>.</summary>
    public void Element(string label, string value)
    {
        Separate();
        Byte('"');
        Characters(label);
        Byte('=');
        Characters(value);
        Byte('"');
    }

    private void Separate()
    {
        if (_bytes[_length - 1] != '[')
        {
            Byte(',');
        }
    }

    private void Characters(string value)
    {
        Room(value.Length * LongestCharacter);
        if (UntrustedText.IsPlain(value))
        {
            Ascii.FromUtf16(value, _bytes.AsSpan(_length), out int written);
            _length += written;
            return;
        }

        for (int i = 0; i < value.Length; i++)
        {
            char character = value[i];
            if (character is '"' or '\\')
            {
                _bytes[_length++] = (byte)'\\';
                _bytes[_length++] = (byte)character;
            }
            else if (UntrustedText.IsUnsafe(value, i))
            {
                Escape(character);
            }
            else if (character < 0x80)
            {
                _bytes[_length++] = (byte)character;
            }
            else
            {
                int count = char.IsHighSurrogate(character) ? 2 : 1;
                _length += Encoding.UTF8.GetBytes(value.AsSpan(i, count), _bytes.AsSpan(_length));
                i += count - 1;
            }
        }
    }

    private void Escape(char character)
    {
        char letter = character switch
        {
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            _ => 'u',
        };
        _bytes[_length++] = (byte)'\\';
        _bytes[_length++] = (byte)letter;
        if (letter == 'u')
        {
            for (int shift = 12; shift >= 0; shift -= 4)
            {
                int digit = (character >> shift) & 0xF;
                _bytes[_length++] = (byte)(digit < 10 ? '0' + digit : 'a' + digit - 10);
            }
        }
    }

    private void Byte(char character)
    {
        Room(1);
        _bytes[_length++] = (byte)character;
    }

    private void Room(int count)
    {
        if (_bytes.Length - _length < count)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + count));
        }
    }
}
