using System.Buffers;
using System.Text;

namespace IsolatedAgents.Policies.Reading;

/// <summary>Turns byte offsets of a UTF-8 text into lines and columns.</summary>
internal sealed class JsonTextMap
{
    private readonly byte[] _utf8;
    private readonly List<int> _lineStarts = [0];

    public JsonTextMap(byte[] utf8)
    {
        _utf8 = utf8;
        for (int i = 0; i < utf8.Length; i++)
        {
            if (utf8[i] == (byte)'\n')
            {
                _lineStarts.Add(i + 1);
            }
        }
    }

    public TextPosition At(long offset)
    {
        int bounded = (int)Math.Min(offset, _utf8.Length);
        int found = _lineStarts.BinarySearch(bounded);
        int line = found >= 0 ? found : ~found - 1;
        ReadOnlySpan<byte> before = _utf8.AsSpan(_lineStarts[line], bounded - _lineStarts[line]);
        return new TextPosition(line + 1, Encoding.UTF8.GetCharCount(before) + 1);
    }

    /// <summary>The place that a JSON parser names by line and bytes, both from 0.</summary>
    public TextPosition At(long line, long bytes) => At(_lineStarts[(int)Math.Min(line, _lineStarts.Count - 1)] + bytes);

    /// <summary>Offset of the first byte that is not UTF-8; -1 where all of it is.</summary>
    public int FirstInvalidByte()
    {
        ReadOnlySpan<byte> rest = _utf8;
        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(rest, out _, out int consumed) != OperationStatus.Done)
            {
                return _utf8.Length - rest.Length;
            }

            rest = rest[consumed..];
        }

        return -1;
    }
}
