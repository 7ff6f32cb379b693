using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace IsolatedAgents.Telemetry;

/// <summary>One line of JSON, in a buffer that grows and is used again.</summary>
internal sealed class JsonLineBuffer
{
    private const int LongestNumber = 32;

    /// <summary>An escape takes six bytes; no character takes more.</summary>
    private const int LongestCharacter = 6;

    private byte[] _bytes = new byte[4096];
    private int _length;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public void Begin()
    {
        _length = 0;
        Byte('{');
    }

    public void End()
    {
        Byte('}');
        Byte('\n');
    }

    /// <summary>A name of our own: ASCII, nothing to escape.</summary>
    public void Name(string name, string suffix = "")
    {
        if (_bytes[_length - 1] != '{')
        {
            Byte(',');
        }

        Byte('"');
        OwnCharacters(name);
        OwnCharacters(suffix);
        Byte('"');
        Byte(':');
    }

    /// <summary>A text of our own: ASCII, nothing to escape.</summary>
    public void OwnString(string value)
    {
        Byte('"');
        OwnCharacters(value);
        Byte('"');
    }

    public void String(string value)
    {
        Byte('"');
        Characters(value);
        Byte('"');
    }

    /// <summary>A word of our own in lower case, with low lines for blanks and without a trailing ellipsis.</summary>
    public void Word(string value)
    {
        Byte('"');
        foreach (char character in value.AsSpan().TrimEnd('.'))
        {
            Byte(character == ' ' ? '_' : char.IsAscii(character) ? char.ToLowerInvariant(character) : '?');
        }

        Byte('"');
    }

    public void True() => OwnCharacters("true");

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
            OwnCharacters("null");
            return;
        }

        Room(LongestNumber);
        value.TryFormat(_bytes.AsSpan(_length), out int written, default, CultureInfo.InvariantCulture);
        _length += written;
    }

    public void Timestamp(DateTimeOffset value)
    {
        Byte('"');
        Room(LongestNumber);
        // The round-trip form has seven digits and a 'Z'; the format has six.
        Utf8Formatter.TryFormat(value.UtcDateTime, _bytes.AsSpan(_length), out int written, 'O');
        _length += written - 1;
        _bytes[_length - 1] = (byte)'Z';
        Byte('"');
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

    private void OwnCharacters(string value)
    {
        Room(value.Length);
        _length += Encoding.ASCII.GetBytes(value, _bytes.AsSpan(_length));
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
