using System.Runtime.InteropServices;

namespace IsolatedAgents.Egress.Http;

/// <summary>Follows a chunked body to its end, byte by byte where lines are and in strides where data is (RFC 9112, 7.1).</summary>
/// <param name="keepsTrailers">Whether the fields behind the last chunk are kept.</param>
internal sealed class ChunkedBody(bool keepsTrailers = false)
{
    private const int MaxLine = 4096;
    private const int MaxTrailers = 16 * 1024;

    private State _state = State.Size;
    private long _left;
    private int _line;
    private int _trailers;
    private readonly List<byte> _kept = [];

    private enum State
    {
        Size,
        Extension,
        SizeEnd,
        Data,
        DataReturn,
        DataEnd,
        Trailer,
        TrailerLine,
        TrailerEnd,
        LastEnd,
        Done,
    }

    public bool IsDone => _state == State.Done;

    /// <summary>The fields behind the last chunk, each with its line's end, as far as they are kept and have come.</summary>
    public ReadOnlySpan<byte> Trailers => CollectionsMarshal.AsSpan(_kept);

    /// <summary>Takes what belongs to the body, and gives the data in it.</summary>
    /// <param name="bytes">What came next.</param>
    /// <param name="data">Gets the data; no more is taken than it has room for.</param>
    /// <param name="taken">How much belongs to the body, and was taken.</param>
    /// <param name="count">How much data that was.</param>
    /// <returns>False where the body is malformed.</returns>
    public bool TryDecode(ReadOnlySpan<byte> bytes, Span<byte> data, out int taken, out int count)
    {
        (taken, count) = (0, 0);
        while (taken < bytes.Length && _state != State.Done)
        {
            if (_state == State.Data)
            {
                int stride = (int)Math.Min(_left, Math.Min(bytes.Length - taken, data.Length - count));
                if (stride == 0)
                {
                    return true;
                }

                bytes.Slice(taken, stride).CopyTo(data[count..]);
                taken += stride;
                count += stride;
                _left -= stride;
                _state = _left == 0 ? State.DataReturn : State.Data;
            }
            else if (!TryStep(bytes[taken++]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Takes what belongs to the body.</summary>
    /// <param name="bytes">What came next.</param>
    /// <param name="taken">How much of it belongs to the body.</param>
    /// <returns>False where the body is malformed.</returns>
    public bool TryTake(ReadOnlySpan<byte> bytes, out int taken)
    {
        taken = 0;
        while (taken < bytes.Length && _state != State.Done)
        {
            if (_state == State.Data)
            {
                int stride = (int)Math.Min(_left, bytes.Length - taken);
                taken += stride;
                _left -= stride;
                _state = _left == 0 ? State.DataReturn : State.Data;
            }
            else if (!TryStep(bytes[taken++]))
            {
                return false;
            }
        }

        return true;
    }

    private bool TryStep(byte b)
    {
        if (keepsTrailers && (_state is State.TrailerLine or State.TrailerEnd || (_state == State.Trailer && b != (byte)'\r')))
        {
            _kept.Add(b);
        }

        switch (_state)
        {
            case State.Size:
                return TrySize(b);
            case State.Extension:
                return ++_line <= MaxLine && (b == (byte)'\r' ? Go(State.SizeEnd) : IsText(b));
            case State.SizeEnd:
                _line = 0;
                return b == (byte)'\n' && Go(_left == 0 ? State.Trailer : State.Data);
            case State.DataReturn:
                return b == (byte)'\r' && Go(State.DataEnd);
            case State.DataEnd:
                return b == (byte)'\n' && Go(State.Size);
            case State.Trailer:
                _trailers++;
                return b == (byte)'\r' ? Go(State.LastEnd) : b is not ((byte)' ' or (byte)'\t') && IsText(b) && Go(State.TrailerLine);
            case State.TrailerLine:
                return ++_trailers <= MaxTrailers && (b == (byte)'\r' ? Go(State.TrailerEnd) : IsText(b));
            case State.TrailerEnd:
                return b == (byte)'\n' && Go(State.Trailer);
            default:
                return b == (byte)'\n' && Go(State.Done);
        }
    }

    private bool TrySize(byte b)
    {
        if (char.IsAsciiHexDigit((char)b))
        {
            // Fifteen digits are more than any body, and leave no room for an overflow.
            _left = (_left << 4) | (uint)HexValue(b);
            return ++_line <= 15;
        }

        if (_line == 0)
        {
            return false;
        }

        return b == (byte)'\r' ? Go(State.SizeEnd) : b == (byte)';' && Go(State.Extension);
    }

    private static int HexValue(byte b) => b <= (byte)'9' ? b - '0' : (b | 0x20) - 'a' + 10;

    private bool Go(State next)
    {
        _state = next;
        return true;
    }

    private static bool IsText(byte b) => b is (byte)'\t' or (>= 0x20 and not 0x7F);
}
