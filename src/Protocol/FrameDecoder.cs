namespace IsolatedAgents.Protocol;

/// <summary>Cuts a byte stream, which arrives in chunks of any size, into frames. Holds at most one frame.</summary>
internal sealed class FrameDecoder
{
    private readonly byte[] _header = new byte[Frame.HeaderLength];
    private int _headerFilled;
    private FrameType _type;
    private byte[] _payload = [];
    private int _payloadFilled;
    private bool _inPayload;

    /// <summary>Whether a frame has begun and not ended.</summary>
    public bool IsMidFrame => _headerFilled > 0;

    /// <summary>
    /// Takes bytes from the front of <paramref name="input"/>. Gives <see langword="true"/> with a frame when one is complete;
    /// <see langword="false"/> when all of the input is used up.
    /// </summary>
    /// <exception cref="ProtocolException">The stream is not made of allowed frames.</exception>
    public bool TryRead(ref ReadOnlySpan<byte> input, out FrameType type, out byte[] payload)
    {
        if (!_inPayload)
        {
            Fill(ref input, _header, ref _headerFilled);
            if (_headerFilled < Frame.HeaderLength)
            {
                type = default;
                payload = [];
                return false;
            }

            (_type, int length) = Frame.ReadHeader(_header);
            _payload = length == 0 ? [] : GC.AllocateUninitializedArray<byte>(length);
            _payloadFilled = 0;
            _inPayload = true;
        }

        Fill(ref input, _payload, ref _payloadFilled);
        if (_payloadFilled < _payload.Length)
        {
            type = default;
            payload = [];
            return false;
        }

        type = _type;
        payload = _payload;
        _payload = [];
        _inPayload = false;
        _headerFilled = 0;
        return true;
    }

    private static void Fill(ref ReadOnlySpan<byte> input, byte[] target, ref int filled)
    {
        int count = Math.Min(input.Length, target.Length - filled);
        input[..count].CopyTo(target.AsSpan(filled));
        filled += count;
        input = input[count..];
    }
}
