using System.Buffers.Binary;

namespace IsolatedAgents.Protocol;

/// <summary>One activity on its way to a frame, with its texts where they lie: nothing of it is allocated.</summary>
internal readonly ref struct ActivityNote
{
    // Kind, reason, three numbers and three lengths.
    private const int FixedLength = 2 + (6 * sizeof(int));

    public ActivityNote() { }

    /// <inheritdoc cref="Activity.Kind"/>
    public ActivityKind Kind { get; init; }

    /// <inheritdoc cref="Activity.Reason"/>
    public DenialReason Reason { get; init; }

    /// <inheritdoc cref="Activity.ProcessId"/>
    public int ProcessId { get; init; }

    /// <inheritdoc cref="Activity.Count"/>
    public int Count { get; init; } = 1;

    /// <inheritdoc cref="Activity.Port"/>
    public int Port { get; init; }

    /// <inheritdoc cref="Activity.Subject"/>
    public ReadOnlySpan<byte> Subject { get; init; }

    /// <inheritdoc cref="Activity.Detail"/>
    public ReadOnlySpan<byte> Detail { get; init; }

    /// <inheritdoc cref="Activity.Program"/>
    public ReadOnlySpan<byte> Program { get; init; }

    /// <summary>Whether the agent was refused.</summary>
    public bool IsDenied => Reason != DenialReason.None;

    /// <summary>How many bytes <see cref="Write"/> takes.</summary>
    public int EncodedLength => FixedLength + Subject.Length + Detail.Length + Program.Length;

    /// <summary>Writes it, as it stands in a frame among others.</summary>
    public void Write(Span<byte> destination)
    {
        destination[0] = (byte)Kind;
        destination[1] = (byte)Reason;
        BinaryPrimitives.WriteInt32LittleEndian(destination[2..], ProcessId);
        BinaryPrimitives.WriteInt32LittleEndian(destination[6..], Count);
        BinaryPrimitives.WriteInt32LittleEndian(destination[10..], Port);
        WriteBytes(WriteBytes(WriteBytes(destination[14..], Subject), Detail), Program);
    }

    private static Span<byte> WriteBytes(Span<byte> destination, ReadOnlySpan<byte> bytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(destination, bytes.Length);
        bytes.CopyTo(destination[sizeof(int)..]);
        return destination[(sizeof(int) + bytes.Length)..];
    }
}
