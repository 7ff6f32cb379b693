using System.Text;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Text;

/// <summary>
/// Turns one stream of bytes, in whatever pieces it comes, into lines without secrets. Ends of lines are LF, CR LF or a lone CR; bytes that
/// are not UTF-8 become U+FFFD. A line longer than <see cref="UntrustedText.MaxLength"/> is given in several parts, never cut inside a
/// secret.
/// </summary>
/// <param name="masker">Removes secrets.</param>
/// <param name="emit">Receives each line, and whether it is a part that the next one continues.</param>
internal sealed class LineDecoder(SecretMasker masker, Action<string, bool> emit)
{
    private const int MaxLine = UntrustedText.MaxLength;

    private readonly Decoder _decoder = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false).GetDecoder();
    private readonly char[] _buffer = new char[2 * MaxLine];
    private readonly BrokenSecrets? _broken = masker.IsEmpty ? null : masker.NewBrokenSecrets();
    private int _count;
    private bool _afterCarriageReturn;

    /// <summary>Takes the next bytes.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            _decoder.Convert(bytes, _buffer.AsSpan(_count), flush: false, out int used, out int decoded, out _);
            bytes = bytes[used..];
            Scan(decoded);
        }
    }

    /// <summary>Ends the stream: gives the last line where it has no end of its own.</summary>
    public void Flush()
    {
        _decoder.Convert([], _buffer.AsSpan(_count), flush: true, out _, out int decoded, out _);
        Scan(decoded);
        if (_count > 0)
        {
            int start = EmitParts(0, _count, MaxLine);
            EmitLine(start, _count);
            _count = 0;
        }
    }

    private void Scan(int decoded)
    {
        int position = _count;
        int start = 0;
        _count += decoded;
        while (position < _count)
        {
            if (_afterCarriageReturn)
            {
                _afterCarriageReturn = false;
                if (_buffer[position] == '\n')
                {
                    position++;
                    start = position;
                    continue;
                }
            }

            int found = _buffer.AsSpan(position, _count - position).IndexOfAny('\r', '\n');
            if (found < 0)
            {
                break;
            }

            int end = position + found;
            _afterCarriageReturn = _buffer[end] == '\r';
            start = EmitParts(start, end, MaxLine);
            EmitLine(start, end);
            position = end + 1;
            start = position;
        }

        // Less than a full line stays, so that there is always room to decode into.
        start = EmitParts(start, _count, MaxLine - 1);
        _buffer.AsSpan(start, _count - start).CopyTo(_buffer);
        _count -= start;
    }

    /// <summary>Gives parts until no more than <paramref name="max"/> characters are left, and where those start.</summary>
    private int EmitParts(int start, int end, int max)
    {
        while (end - start > max)
        {
            ReadOnlySpan<char> part = _buffer.AsSpan(start, MaxLine);
            if (char.IsHighSurrogate(part[^1]))
            {
                part = part[..^1];
            }

            int length = part.Length;
            if (masker.IsEmpty)
            {
                emit(new string(part), true);
            }
            else
            {
                var masked = new StringBuilder();
                length = masker.MaskStart(part, masked);
                if (length == 0)
                {
                    // The whole part could be the start of one secret: not showing it is the safe side.
                    masked.Append(SecretMasker.Replacement);
                    length = part.Length;
                }

                emit(masked.ToString(), true);
            }

            start += length;
        }

        return start;
    }

    private void EmitLine(int start, int end)
    {
        string line = new(_buffer, start, end - start);
        string masked = masker.Mask(line);

        // A line that was masked is no piece that the next one goes on with.
        emit(
            _broken is null ? masked
                : ReferenceEquals(line, masked) ? _broken.Mask(line)
                : masked,
            false
        );
    }
}
