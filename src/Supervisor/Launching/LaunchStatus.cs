using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>A message of the launcher. The end of its stream means that it has become the agent.</summary>
internal enum LaunchStatusKind : byte
{
    /// <summary>The number of its descriptor on which the kernel asks about the agent's calls.</summary>
    Listener,

    /// <summary>The controls were tried and hold (<see cref="ProbeResults"/>).</summary>
    Probed,

    /// <summary>It cannot go on (<see cref="SetupFailure"/>).</summary>
    Failed,
}

/// <summary>One thing that a launcher says: kind, length and payload on a pipe.</summary>
internal readonly record struct LaunchStatus(LaunchStatusKind Kind, byte[] Payload)
{
    /// <summary>Says it.</summary>
    public static void Write(int fd, LaunchStatusKind kind, ReadOnlySpan<byte> payload) =>
        Descriptor.WriteAll(fd, new MessageWriter().Byte((byte)kind).Bytes(payload).Written);

    /// <summary>Waits for the next one; null at the stream's end.</summary>
    public static LaunchStatus? Read(int fd)
    {
        Span<byte> header = stackalloc byte[sizeof(byte) + sizeof(int)];
        if (Fill(fd, header) == 0)
        {
            return null;
        }

        byte[] payload = new byte[BitConverter.ToInt32(header[1..])];
        Fill(fd, payload);
        return new LaunchStatus((LaunchStatusKind)header[0], payload);
    }

    private static int Fill(int fd, Span<byte> buffer)
    {
        int filled = 0;
        while (filled < buffer.Length)
        {
            int count = Descriptor.Read(fd, buffer[filled..]);
            if (count <= 0)
            {
                return filled == 0 ? 0 : throw new ProtocolException("A launcher was cut short.");
            }

            filled += count;
        }

        return filled;
    }
}
