using System.Buffers;
using System.Text;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>Text put together as Latin-1 in a rented buffer, which whoever takes the bytes gives back.</summary>
internal struct Latin1Buffer(int size)
{
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(size);
    private int _count;

    /// <summary>The bytes appended so far.</summary>
    public readonly ArraySegment<byte> Written => new(_bytes, 0, _count);

    public void Append(ReadOnlySpan<char> text)
    {
        if (_bytes.Length - _count < text.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_bytes.Length * 2, _count + text.Length));
            _bytes.AsSpan(0, _count).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes, clearArray: true);
            _bytes = larger;
        }

        _count += Encoding.Latin1.GetBytes(text, _bytes.AsSpan(_count));
    }
}
