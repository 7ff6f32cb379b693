using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.Reporting;

/// <summary>
/// Holds the activities that are still to be sent: encoded, and cut into the payloads of frames. Two memories take turns, so that one is
/// filled while the other one is sent.
/// </summary>
internal sealed class ActivityQueue
{
    private static readonly int MaxFrame = Frame.MaxPayload(FrameType.Activity);

    private readonly Queue<int> _frames = new();
    private byte[] _bytes = new byte[64 * 1024];
    private int _start;
    private int _length;
    private int _last;

    public int Bytes => _length - _start;

    public bool IsEmpty => _length == _start;

    public void Add(in ActivityNote note)
    {
        int length = note.EncodedLength;
        if (_length + length > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + length));
        }

        if (_last + length > MaxFrame)
        {
            Cut();
        }

        note.Write(_bytes.AsSpan(_length));
        _length += length;
        _last += length;
    }

    /// <summary>Takes the payload of the next frame; it stays until the queue is cleared.</summary>
    public bool TryTake(out ReadOnlySpan<byte> payload)
    {
        if (_frames.Count == 0 && _last > 0)
        {
            Cut();
        }

        payload = default;
        if (!_frames.TryDequeue(out int length))
        {
            return false;
        }

        payload = _bytes.AsSpan(_start, length);
        _start += length;
        return true;
    }

    public void Clear() => (_start, _length) = (0, 0);

    private void Cut()
    {
        _frames.Enqueue(_last);
        _last = 0;
    }
}
