using System.Buffers.Binary;

namespace IsolatedAgents.Protocol;

/// <summary>
/// Layout of a frame, little-endian: magic (2 bytes), version (1), type (1), payload length (4), payload.
/// The magic makes a stray byte on the stream an error at once instead of a misread length.
/// </summary>
internal static class Frame
{
    /// <summary>Version of the whole protocol; both sides refuse any other.</summary>
    public const byte Version = 1;

    /// <summary>Bytes before the payload.</summary>
    public const int HeaderLength = 8;

    /// <summary>Most bytes of one data frame.</summary>
    public const int MaxDataLength = 64 * 1024;

    /// <summary>Data bytes that may be under way without a <see cref="FrameType.Credit"/> frame.</summary>
    public const int InitialCredit = 1024 * 1024;

    /// <summary>
    /// Descriptors that may be under way without a <see cref="FrameType.Credit"/> frame: the receiver has a bound on those that it may have
    /// open.
    /// </summary>
    public const int MaxDescriptors = 16;

    private const ushort Magic = 0xA71A;

    /// <summary>The bound on the payload of <paramref name="type"/>, or -1 where no such type exists.</summary>
    public static int MaxPayload(FrameType type) =>
        type switch
        {
            FrameType.Launch => 16 * 1024 * 1024,
            FrameType.StandardOutput
            or FrameType.StandardError
            or FrameType.OutputData
            or FrameType.WorkspaceData
            or FrameType.EgressReply
            or FrameType.EgressSent
            or FrameType.WorkspaceEntries
            or FrameType.WorkspaceRequest => MaxDataLength,
            FrameType.EgressReplyUrgent or FrameType.EgressSentUrgent => EgressData.HeaderLength + 1,
            FrameType.EgressOpened => EgressOpened.MaxLength,
            FrameType.EgressQuestion => EgressQuestion.MaxLength,
            FrameType.EgressReplyEnd
            or FrameType.EgressSentEnd
            or FrameType.EgressReplyWindow
            or FrameType.EgressSentWindow
            or FrameType.EgressAnswer => 16,
            FrameType.Stop
            or FrameType.Credit
            or FrameType.Alive
            or FrameType.Started
            or FrameType.Usage
            or FrameType.Exited
            or FrameType.Done => 256,
            FrameType.OutputDescriptor or FrameType.WorkspaceDescriptor => 0,
            FrameType.Hello or FrameType.SetupFailed or FrameType.OutputsFound or FrameType.WorkspaceFound or FrameType.Verified => 4096,
            FrameType.OutputRejected
            or FrameType.OutputFile
            or FrameType.WorkspaceRejected
            or FrameType.WorkspaceFile
            or FrameType.Activity => 16 * 1024,
            _ => -1,
        };

    /// <summary>
    /// How many bytes of the receiver's credit a frame takes: its payload's, or more where it stands for something dearer; 0 where it needs
    /// none.
    /// </summary>
    public static int Cost(FrameType type, int length) =>
        type switch
        {
            FrameType.StandardOutput
            or FrameType.StandardError
            or FrameType.OutputData
            or FrameType.WorkspaceData
            or FrameType.Activity
            or FrameType.WorkspaceEntries => length,
            FrameType.OutputDescriptor or FrameType.WorkspaceDescriptor => InitialCredit / MaxDescriptors,
            _ => 0,
        };

    /// <summary>Whether a frame comes once every process of the agent has ended: how it ended, and what it left.</summary>
    public static bool IsOfCollection(FrameType type) =>
        type
            is FrameType.Exited
                or FrameType.Done
                or FrameType.OutputsFound
                or FrameType.WorkspaceFound
                or FrameType.WorkspaceEntries
                or FrameType.OutputRejected
                or FrameType.OutputFile
                or FrameType.OutputData
                or FrameType.OutputDescriptor
                or FrameType.WorkspaceRejected
                or FrameType.WorkspaceFile
                or FrameType.WorkspaceData
                or FrameType.WorkspaceDescriptor;

    /// <summary>Writes a header for a payload of <paramref name="length"/> bytes.</summary>
    public static void WriteHeader(Span<byte> destination, FrameType type, int length)
    {
        if (length > MaxPayload(type))
        {
            throw new ProtocolException($"A {type} frame of {length} bytes is over its bound of {MaxPayload(type)}.");
        }

        BinaryPrimitives.WriteUInt16LittleEndian(destination, Magic);
        destination[2] = Version;
        destination[3] = (byte)type;
        BinaryPrimitives.WriteInt32LittleEndian(destination[4..], length);
    }

    /// <summary>Reads and checks a header.</summary>
    /// <exception cref="ProtocolException">Not a frame, another version, an unknown type, or a length over the type's bound.</exception>
    public static (FrameType Type, int Length) ReadHeader(ReadOnlySpan<byte> source)
    {
        if (BinaryPrimitives.ReadUInt16LittleEndian(source) != Magic)
        {
            throw new ProtocolException("The stream carries something else than frames.");
        }

        if (source[2] != Version)
        {
            throw new ProtocolException($"Protocol version {source[2]} was received, {Version} is spoken here.");
        }

        FrameType type = (FrameType)source[3];
        int length = BinaryPrimitives.ReadInt32LittleEndian(source[4..]);
        int bound = MaxPayload(type);
        if (bound < 0 || length < 0 || length > bound)
        {
            throw new ProtocolException($"A frame of type {(byte)type} with {length} bytes is not allowed.");
        }

        return (type, length);
    }

    /// <summary>A whole frame as one array.</summary>
    public static byte[] Create(FrameType type, ReadOnlySpan<byte> payload)
    {
        byte[] frame = new byte[HeaderLength + payload.Length];
        WriteHeader(frame, type, payload.Length);
        payload.CopyTo(frame.AsSpan(HeaderLength));
        return frame;
    }
}
