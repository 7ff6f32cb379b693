using System.Buffers.Binary;
using System.Text;

namespace IsolatedAgents.Protocol;

/// <summary>Reads one message's payload, strictly: whatever is short, too long, left over or not UTF-8 is refused.</summary>
internal ref struct MessageReader(ReadOnlySpan<byte> payload)
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = payload;

    /// <summary>Whether all was read.</summary>
    public readonly bool IsAtEnd => _rest.IsEmpty;

    public byte Byte() => Take(1)[0];

    public bool Flag() =>
        Byte() switch
        {
            0 => false,
            1 => true,
            byte other => throw new ProtocolException($"A flag holds {other}."),
        };

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

    public ReadOnlySpan<byte> Bytes() => Take(Int32());

    public string Text()
    {
        try
        {
            return StrictUtf8.GetString(Bytes());
        }
        catch (DecoderFallbackException)
        {
            throw new ProtocolException("A text is not valid UTF-8.");
        }
    }

    public long[] Int64s()
    {
        long[] values = new long[Count(sizeof(long))];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Int64();
        }

        return values;
    }

    public string[] Texts()
    {
        string[] values = new string[Count(sizeof(int))];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Text();
        }

        return values;
    }

    // Every entry takes some bytes, which bounds the list by the payload's own bound.
    private int Count(int leastLength)
    {
        int count = Int32();
        return count >= 0 && count <= _rest.Length / leastLength
            ? count
            : throw new ProtocolException($"A list of {count} entries does not fit its message.");
    }

    /// <summary>Says that the message ends here.</summary>
    public readonly void End()
    {
        if (!_rest.IsEmpty)
        {
            throw new ProtocolException($"{_rest.Length} bytes follow a message's end.");
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > _rest.Length)
        {
            throw new ProtocolException($"{count} bytes were announced and {_rest.Length} are left.");
        }

        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
