using System.Text;

namespace IsolatedAgents.Supervisor.Paths;

/// <summary>A path as the kernel has it, in memory that is used for one after the other.</summary>
internal sealed class PathBuffer
{
    private const int InitialLength = 2 * AgentMemory.MaxPath;

    private byte[] _bytes = new byte[InitialLength];
    private char[] _characters = new char[InitialLength];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    /// <summary>Each byte as one character.</summary>
    public ReadOnlySpan<char> Text
    {
        get
        {
            if (_characters.Length < Length)
            {
                _characters = new char[_bytes.Length];
            }

            return _characters.AsSpan(0, Encoding.Latin1.GetChars(Bytes, _characters));
        }
    }

    public void Clear() => Length = 0;

    public PathBuffer Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        Length += bytes.Length;
        return this;
    }

    public PathBuffer Append(byte value)
    {
        Reserve(1)[0] = value;
        Length++;
        return this;
    }

    public PathBuffer Append(int number)
    {
        Span<byte> rest = Reserve(11);
        _ = System.Buffers.Text.Utf8Formatter.TryFormat(number, rest, out int written);
        Length += written;
        return this;
    }

    /// <summary>Takes a text whose characters are bytes.</summary>
    public void Set(string text)
    {
        Length = 0;
        Encoding.Latin1.GetBytes(text, Reserve(text.Length));
        Length = text.Length;
    }

    /// <summary>The path with a 0 behind it, as system calls take it.</summary>
    public ReadOnlySpan<byte> Terminated()
    {
        Reserve(1)[0] = 0;
        return _bytes.AsSpan(0, Length + 1);
    }

    private Span<byte> Reserve(int count)
    {
        if (_bytes.Length < Length + count)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
        }

        return _bytes.AsSpan(Length);
    }
}
