using System.Text;

namespace IsolatedAgents.Egress.Models;

/// <summary>
/// Finds a few scalars in a JSON text that passes by, however long it is, and holds none of it back. Names and values that are longer than
/// any of interest are skipped. It judges nothing: of a text that is no JSON it finds nothing or something wrong, which only counts against
/// whoever sent it.
/// </summary>
internal sealed class JsonScanner(Action<string, string> found) : IAnswerScanner
{
    private const int MaxDepth = 64;
    private const int MaxText = 256;

    private readonly string?[] _names = new string?[MaxDepth];
    private readonly bool[] _isArray = new bool[MaxDepth];
    private readonly byte[] _text = new byte[MaxText];
    private int _length;
    private int _depth;
    private bool _isInString;
    private bool _isEscaped;
    private bool _isValue;
    private bool _isLost;

    /// <summary>Whether the text was deeper, or its brackets other, than can be followed: from there on nothing was found.</summary>
    public bool IsLost => _isLost;

    public void Scan(ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < bytes.Length && !_isLost; i++)
        {
            if (_isInString && !_isEscaped)
            {
                // Most of a long text lies in strings: stride to their next turn.
                int stride = bytes[i..].IndexOfAny((byte)'"', (byte)'\\');
                stride = stride < 0 ? bytes.Length - i : stride;
                Keep(bytes.Slice(i, stride));
                i += stride;
                if (i >= bytes.Length)
                {
                    return;
                }
            }

            Step(bytes[i]);
        }
    }

    private void Step(byte b)
    {
        if (_isInString)
        {
            StepInString(b);
            return;
        }

        switch (b)
        {
            case (byte)'"':
                _isInString = true;
                _length = 0;
                break;
            case (byte)'{' or (byte)'[':
                _depth++;
                _isLost = _depth >= MaxDepth;
                if (!_isLost)
                {
                    _names[_depth] = null;
                    _isArray[_depth] = b == (byte)'[';
                }

                _isValue = b == (byte)'[';
                _length = 0;
                break;
            case (byte)':':
                _isValue = true;
                _length = 0;
                break;
            case (byte)',' or (byte)'}' or (byte)']':
                EndScalar();
                _depth -= b == (byte)',' ? 0 : 1;
                _isLost = _depth < 0;
                _isValue = !_isLost && _isArray[_depth];
                break;
            case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n':
                break;
            default:
                Keep([b]);
                break;
        }
    }

    private void StepInString(byte b)
    {
        if (_isEscaped)
        {
            _isEscaped = false;
            Keep([b]);
        }
        else if (b == (byte)'\\')
        {
            _isEscaped = true;
        }
        else
        {
            _isInString = false;
            if (!_isValue)
            {
                _names[_depth] = _length <= MaxText ? Encoding.UTF8.GetString(_text, 0, _length) : null;
                _length = 0;
            }
        }
    }

    private void EndScalar()
    {
        if (_isValue && _length is > 0 and <= MaxText && _depth is > 0 and <= 4 && Path() is { } path)
        {
            found(path, Encoding.UTF8.GetString(_text, 0, _length));
        }

        _length = 0;
    }

    /// <summary>Names joined by dots; null inside of an array, but for one that holds the whole text, as Gemini streams it.</summary>
    private string? Path()
    {
        StringBuilder path = new();
        for (int level = _isArray[1] ? 2 : 1; level <= _depth; level++)
        {
            if (_isArray[level] || _names[level] is null)
            {
                return null;
            }

            path.Append(path.Length > 0 ? "." : "").Append(_names[level]);
        }

        return path.Length > 0 ? path.ToString() : null;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (_length + bytes.Length <= MaxText)
        {
            bytes.CopyTo(_text.AsSpan(_length));
            _length += bytes.Length;
        }
        else
        {
            _length = MaxText + 1;
        }
    }
}
