namespace IsolatedAgents.Egress.Http;

/// <summary>
/// How much of a message's body is still to come, whichever way it is framed. A body that only the connection's end ends has no place here.
/// </summary>
internal sealed class MessageBody(HttpFraming framing)
{
    private readonly ChunkedBody? _chunks = framing.Kind == HttpFramingKind.Chunked ? new ChunkedBody() : null;
    private long _left = framing.Kind == HttpFramingKind.None ? 0 : framing.Length;

    /// <summary>Whether all of it was taken.</summary>
    public bool IsDone => _chunks?.IsDone ?? _left <= 0;

    /// <summary>Finds what of the bytes at hand is the body's, and counts it as taken.</summary>
    /// <param name="available">At least one byte.</param>
    /// <param name="taken">The body's bytes, from the first on.</param>
    /// <returns>False where chunks are malformed.</returns>
    public bool TryTake(ReadOnlySpan<byte> available, out int taken)
    {
        if (_chunks is not null)
        {
            return _chunks.TryTake(available, out taken);
        }

        taken = (int)Math.Min(_left, available.Length);
        _left -= taken;
        return true;
    }
}
