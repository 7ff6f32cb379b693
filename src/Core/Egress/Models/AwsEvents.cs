using System.Buffers.Binary;
using System.Buffers.Text;

namespace IsolatedAgents.Egress.Models;

/// <summary>
/// The messages of an <c>application/vnd.amazon.eventstream</c>: Bedrock's answers in pieces. Each payload is a JSON text, or holds one in
/// Base64. Messages longer than any that says how much was used are skipped; of what is no such stream nothing is found.
/// </summary>
internal sealed class AwsEvents(Action<string, string> found) : IAnswerScanner
{
    // Length of the whole and of the headers, and their checksum; behind the payload another checksum.
    private const int Prelude = 12;
    private const int Checksum = 4;
    private const int Longest = 64 * 1024;

    private static readonly byte[] Bytes = "\"bytes\":\""u8.ToArray();

    private readonly byte[] _prelude = new byte[Prelude];
    private byte[]? _message;
    private int _kept;
    private long _left;
    private bool _isLost;

    public void Scan(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && !_isLost)
        {
            if (_left == 0)
            {
                int part = Math.Min(Prelude - _kept, bytes.Length);
                bytes[..part].CopyTo(_prelude.AsSpan(_kept));
                _kept += part;
                bytes = bytes[part..];
                Begin();
                continue;
            }

            int taken = (int)Math.Min(_left, bytes.Length);
            if (_message is not null)
            {
                bytes[..taken].CopyTo(_message.AsSpan(_kept));
            }

            _kept += taken;
            _left -= taken;
            bytes = bytes[taken..];
            End();
        }
    }

    private void Begin()
    {
        if (_kept < Prelude)
        {
            return;
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(_prelude);
        uint headers = BinaryPrimitives.ReadUInt32BigEndian(_prelude.AsSpan(4));
        _isLost = length < Prelude + Checksum || headers > length - Prelude - Checksum;
        if (!_isLost)
        {
            _left = length - Prelude;
            _message = _left <= Longest ? new byte[_left] : null;
            _kept = 0;
        }
    }

    private void End()
    {
        if (_left > 0)
        {
            return;
        }

        if (_message is { } message)
        {
            int headers = (int)BinaryPrimitives.ReadUInt32BigEndian(_prelude.AsSpan(4));
            Take(message.AsSpan(headers, message.Length - headers - Checksum));
        }

        _message = null;
        _kept = 0;
    }

    private void Take(ReadOnlySpan<byte> payload)
    {
        new JsonScanner(found).Scan(payload);
        int at = payload.IndexOf(Bytes);
        ReadOnlySpan<byte> text = at < 0 ? [] : payload[(at + Bytes.Length)..];
        int end = text.IndexOf((byte)'"');
        if (end <= 0)
        {
            return;
        }

        byte[] decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(end)];
        Base64.DecodeFromUtf8(text[..end], decoded, out _, out int count);
        new JsonScanner(found).Scan(decoded.AsSpan(0, count));
    }
}
