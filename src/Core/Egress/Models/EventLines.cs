namespace IsolatedAgents.Egress.Models;

/// <summary>The data lines of an event stream, each a JSON text of its own.</summary>
internal sealed class EventLines(Action<string, string> found) : IAnswerScanner
{
    private static readonly byte[] Field = "data:"u8.ToArray();

    private JsonScanner? _line;
    private int _matched;

    public void Scan(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int end = bytes.IndexOfAny((byte)'\n', (byte)'\r');
            ReadOnlySpan<byte> part = end < 0 ? bytes : bytes[..end];
            Take(part);
            if (end < 0)
            {
                return;
            }

            _line = null;
            _matched = 0;
            bytes = bytes[(end + 1)..];
        }
    }

    private void Take(ReadOnlySpan<byte> part)
    {
        while (_line is null && _matched >= 0 && !part.IsEmpty)
        {
            _matched = part[0] == Field[_matched] ? _matched + 1 : -1;
            part = part[1..];
            _line = _matched == Field.Length ? new JsonScanner(found) : null;
        }

        _line?.Scan(part);
    }
}
