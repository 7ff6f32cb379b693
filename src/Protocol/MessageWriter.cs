using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace IsolatedAgents.Protocol;

/// <summary>Builds the payload of one message: numbers little-endian, text and bytes behind a 32-bit length.</summary>
internal sealed class MessageWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(256);

    /// <summary>The bytes written so far.</summary>
    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public MessageWriter Byte(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
        return this;
    }

    public MessageWriter Flag(bool value) => Byte(value ? (byte)1 : (byte)0);

    public MessageWriter Int32(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.GetSpan(sizeof(int)), value);
        _buffer.Advance(sizeof(int));
        return this;
    }

    public MessageWriter Int64(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_buffer.GetSpan(sizeof(long)), value);
        _buffer.Advance(sizeof(long));
        return this;
    }

    public MessageWriter Bytes(ReadOnlySpan<byte> value)
    {
        Int32(value.Length);
        _buffer.Write(value);
        return this;
    }

    public MessageWriter Text(string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        Int32(length);
        Encoding.UTF8.GetBytes(value, _buffer.GetSpan(length));
        _buffer.Advance(length);
        return this;
    }

    public MessageWriter Int64s(IReadOnlyCollection<long> values)
    {
        Int32(values.Count);
        foreach (long value in values)
        {
            Int64(value);
        }

        return this;
    }

    public MessageWriter Texts(IReadOnlyCollection<string> values)
    {
        Int32(values.Count);
        foreach (string value in values)
        {
            Text(value);
        }

        return this;
    }
}
