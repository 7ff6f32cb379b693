using System.Buffers.Binary;

namespace IsolatedAgents.Protocol;

/// <summary>The agent has opened a connection to an allowed endpoint. A message of its own, with the connection's descriptor beside it, where the stream can carry one.</summary>
/// <param name="Connection">Number of the connection, never used twice in a run.</param>
/// <param name="Host">What was asked for, in its one spelling (<see cref="HostText"/>; IPv6 without brackets).</param>
/// <param name="Port">TCP port.</param>
/// <param name="Socket">What the supervisor calls the agent's end; only for its own use in an <see cref="EgressQuestion"/>.</param>
internal sealed record EgressOpened(int Connection, string Host, int Port, string Socket)
{
    /// <summary>Most characters of <see cref="Socket"/>: two addresses of IPv6 in hexadecimal digits, with their ports.</summary>
    public const int MaxSocketLength = (2 * 37) + 1;

    /// <summary>Most bytes of a payload: two numbers, and two texts behind their lengths.</summary>
    public const int MaxLength = (4 * sizeof(int)) + HostText.MaxLength + MaxSocketLength;

    public byte[] ToPayload() => new MessageWriter().Int32(Connection).Int32(Port).Text(Host).Text(Socket).Written.ToArray();

    public static EgressOpened FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        int connection = reader.Int32();
        int port = reader.Int32();
        EgressOpened message = new(connection, reader.Text(), port, reader.Text());
        reader.End();
        return message is { Port: > 0 and <= ushort.MaxValue, Host.Length: > 0 and <= HostText.MaxLength, Socket.Length: <= MaxSocketLength } ? message : throw new ProtocolException("A connection's endpoint is out of range.");
    }
}

/// <summary>One direction of a connection has ended.</summary>
/// <param name="Connection">Number of the connection.</param>
/// <param name="IsReset">Whether the connection is over in both directions, uncleanly.</param>
internal sealed record EgressEnd(int Connection, bool IsReset)
{
    public byte[] ToPayload() => new MessageWriter().Int32(Connection).Flag(IsReset).Written.ToArray();

    public static EgressEnd FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        EgressEnd message = new(reader.Int32(), reader.Flag());
        reader.End();
        return message;
    }
}

/// <summary>So many bytes of a connection were taken, and as many more may be sent.</summary>
/// <param name="Connection">Number of the connection.</param>
/// <param name="Bytes">More than 0.</param>
internal sealed record EgressWindow(int Connection, int Bytes)
{
    /// <summary>Bytes of one connection and direction that may be under way.</summary>
    public const int Initial = 256 * 1024;

    public byte[] ToPayload() => new MessageWriter().Int32(Connection).Int32(Bytes).Written.ToArray();

    public static EgressWindow FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        EgressWindow message = new(reader.Int32(), reader.Int32());
        reader.End();
        return message.Bytes is > 0 and <= Initial ? message : throw new ProtocolException("A connection's window grew by an impossible amount.");
    }
}

/// <summary>Does a process of the sandbox still hold the agent's end of a connection?</summary>
/// <param name="Connection">Number of the connection.</param>
/// <param name="Socket">As it came with <see cref="EgressOpened"/>.</param>
internal sealed record EgressQuestion(int Connection, string Socket)
{
    /// <summary>Most bytes of a payload: a number, and a text behind its length.</summary>
    public const int MaxLength = (2 * sizeof(int)) + EgressOpened.MaxSocketLength;

    public byte[] ToPayload() => new MessageWriter().Int32(Connection).Text(Socket).Written.ToArray();

    public static EgressQuestion FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        EgressQuestion message = new(reader.Int32(), reader.Text());
        reader.End();
        return message;
    }
}

/// <summary>The answer to an <see cref="EgressQuestion"/>.</summary>
/// <param name="Connection">Number of the connection.</param>
/// <param name="IsHeld">Whether a process holds it.</param>
internal sealed record EgressAnswer(int Connection, bool IsHeld)
{
    public byte[] ToPayload() => new MessageWriter().Int32(Connection).Flag(IsHeld).Written.ToArray();

    public static EgressAnswer FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        EgressAnswer message = new(reader.Int32(), reader.Flag());
        reader.End();
        return message;
    }
}

/// <summary>Bytes of a connection: its number, and then nothing but them.</summary>
internal static class EgressData
{
    /// <summary>Bytes before the data.</summary>
    public const int HeaderLength = sizeof(int);

    /// <summary>Most bytes of data in one frame.</summary>
    public const int MaxLength = Frame.MaxDataLength - HeaderLength;

    public static void WriteHeader(Span<byte> payload, int connection) => BinaryPrimitives.WriteInt32LittleEndian(payload, connection);

    /// <summary>The connection that a payload belongs to; its data begins behind <see cref="HeaderLength"/>.</summary>
    public static int ConnectionOf(ReadOnlySpan<byte> payload) => payload.Length > HeaderLength
        ? BinaryPrimitives.ReadInt32LittleEndian(payload)
        : throw new ProtocolException("A connection's data is empty.");
}
