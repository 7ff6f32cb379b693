using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Channel;

/// <summary>Bytes that a descriptor which does not block has not taken yet, in order.</summary>
internal sealed class PendingBytes
{
    private readonly Queue<(ReadOnlyMemory<byte> Bytes, bool IsUrgent)> _chunks = new();
    private int _offset;

    public bool IsEmpty => _chunks.Count == 0;

    /// <summary>Takes more, which must not change from here on.</summary>
    public void Add(ReadOnlyMemory<byte> bytes) => _chunks.Enqueue((bytes, false));

    /// <summary>Takes one byte that is to be urgent; for connections alone.</summary>
    public void AddUrgent(ReadOnlyMemory<byte> one) => _chunks.Enqueue((one, true));

    /// <summary>Writes as much as is taken now.</summary>
    /// <returns>Bytes written, or the negative error number of a descriptor that will take no more.</returns>
    public int WriteTo(int fd)
    {
        int written = 0;
        while (_chunks.TryPeek(out (ReadOnlyMemory<byte> Bytes, bool IsUrgent) chunk))
        {
            int count = chunk.IsUrgent ? Descriptor.SendUrgent(fd, chunk.Bytes.Span) : Descriptor.Write(fd, chunk.Bytes.Span[_offset..]);
            if (count < 0)
            {
                return count == -TryAgain ? written : count;
            }

            written += count;
            _offset += count;
            if (_offset == chunk.Bytes.Length)
            {
                _chunks.Dequeue();
                _offset = 0;
            }
        }

        return written;
    }
}
