using System.Text;

namespace IsolatedAgents.Repositories;

/// <summary>
/// Reads a git configuration file as git does: git-config(1), SYNTAX. It ends at the first thing that git would not accept.
/// </summary>
/// <param name="text">The file, each byte as one character.</param>
internal sealed class ConfigurationReader(string text)
{
    private int _position = text.StartsWith("\u00EF\u00BB\u00BF", StringComparison.Ordinal) ? 3 : 0;

    /// <summary>The settings in their order.</summary>
    public IEnumerable<ConfigurationEntry> Read()
    {
        string? section = null;
        string? subsection = null;
        while (SkipToContent())
        {
            if (Peek() == '[')
            {
                if (!TryReadHead(out section, out subsection))
                {
                    yield break;
                }
            }
            else if (section is null || ReadKey() is not { } key || !TryReadValue(out string? value))
            {
                yield break;
            }
            else
            {
                yield return new ConfigurationEntry(section, subsection, key, value);
            }
        }
    }

    private char Peek() => _position < text.Length ? text[_position] : '\0';

    // Blank lines and comments say nothing.
    private bool SkipToContent()
    {
        while (_position < text.Length)
        {
            char character = text[_position];
            if (character is '#' or ';')
            {
                SkipLine();
            }
            else if (char.IsWhiteSpace(character))
            {
                _position++;
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    private void SkipLine()
    {
        int end = text.IndexOf('\n', _position);
        _position = end < 0 ? text.Length : end + 1;
    }

    private bool TryReadHead(out string? section, out string? subsection)
    {
        (section, subsection) = (null, null);
        int start = ++_position;
        while (char.IsAsciiLetterOrDigit(Peek()) || Peek() is '-' or '.')
        {
            _position++;
        }

        string name = text[start.._position].ToLowerInvariant();
        if (Peek() == ']')
        {
            // The older form: [remote.origin].
            int dot = name.IndexOf('.', StringComparison.Ordinal);
            (section, subsection) = dot < 0 ? (name, null) : (name[..dot], name[(dot + 1)..]);
            _position++;
            return name.Length > 0;
        }

        while (Peek() is ' ' or '\t')
        {
            _position++;
        }

        section = name;
        return name.Length > 0 && TryReadSubsection(out subsection);
    }

    private bool TryReadSubsection(out string? subsection)
    {
        subsection = null;
        if (Peek() != '"')
        {
            return false;
        }

        StringBuilder name = new();
        for (_position++; Peek() is not ('"' or '\n' or '\0'); _position++)
        {
            if (Peek() == '\\')
            {
                _position++;
                if (Peek() is '\n' or '\0')
                {
                    return false;
                }
            }

            name.Append(Peek());
        }

        bool isWhole = Peek() == '"' && _position + 1 < text.Length && text[_position + 1] == ']';
        _position += 2;
        subsection = name.ToString();
        return isWhole;
    }

    private string? ReadKey()
    {
        int start = _position;
        while (char.IsAsciiLetterOrDigit(Peek()) || Peek() == '-')
        {
            _position++;
        }

        return _position > start && char.IsAsciiLetter(text[start]) ? text[start.._position].ToLowerInvariant() : null;
    }

    private bool TryReadValue(out string? value)
    {
        value = null;
        while (Peek() is ' ' or '\t')
        {
            _position++;
        }

        if (Peek() is '\n' or '\0' or '\r' or '#' or ';')
        {
            SkipLine();
            return true;
        }

        if (Peek() != '=')
        {
            return false;
        }

        _position++;
        return TryReadText(out value);
    }

    // Blanks at either end do not count unless they are quoted; a comment ends the value outside of quotation marks.
    private bool TryReadText(out string? value)
    {
        value = null;
        StringBuilder read = new();
        int kept = 0;
        bool isQuoted = false;
        for (; _position < text.Length; _position++)
        {
            char character = text[_position];
            if (character == '\n' || (character == '\r' && _position + 1 < text.Length && text[_position + 1] == '\n'))
            {
                break;
            }

            if (!isQuoted && (character is '#' or ';'))
            {
                break;
            }

            if (character == '"')
            {
                isQuoted = !isQuoted;
                kept = read.Length;
            }
            else if (character == '\\')
            {
                if (!TryReadEscape(read))
                {
                    return false;
                }

                kept = read.Length;
            }
            else if (isQuoted || !char.IsWhiteSpace(character))
            {
                read.Append(character);
                kept = read.Length;
            }
            else if (read.Length > 0)
            {
                read.Append(character);
            }
        }

        SkipLine();
        read.Length = kept;
        value = read.ToString();
        return !isQuoted;
    }

    private bool TryReadEscape(StringBuilder read)
    {
        _position++;
        if (Peek() == '\r' && _position + 1 < text.Length && text[_position + 1] == '\n')
        {
            _position++;
        }

        switch (Peek())
        {
            case '\n':
                return true;
            case 'n':
                read.Append('\n');
                return true;
            case 't':
                read.Append('\t');
                return true;
            case 'b':
                read.Append('\b');
                return true;
            case '"' or '\\':
                read.Append(Peek());
                return true;
            default:
                return false;
        }
    }
}
