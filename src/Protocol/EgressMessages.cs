using System.Buffers.Binary;

namespace IsolatedAgents.Protocol;

/// <summary>The agent has opened a connection to an allowed endpoint, whose bytes follow in frames.</summary>
/// <param name="Connection">Number of the connection, never used twice in a run.</param>
/// <param name="Host">What was asked for, in its one spelling (<see cref="HostText"/>; IPv6 without brackets).</param>
/// <param name="Port">TCP port.</param>
/// <param name="Socket">The agent's end (<see cref="SocketName"/>), to be asked about in an <see cref="EgressQuestion"/>.</param>
internal sealed record EgressOpened(int Connection, string Host, int Port, string Socket)
{
    /// <summary>Most bytes of a payload: two numbers, and two texts behind their lengths.</summary>
    public const int MaxLength = (4 * sizeof(int)) + HostText.MaxLength + SocketName.MaxLength;

    public byte[] ToPayload() => new MessageWriter().Int32(Connection).Int32(Port).Text(Host).Text(Socket).Written.ToArray();

    public static EgressOpened FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        int connection = reader.Int32();
        int port = reader.Int32();
        EgressOpened message = new(connection, reader.Text(), port, reader.Text());
        reader.End();
        return
            message
                is { Port: > 0 and <= ushort.MaxValue, Host.Length: > 0 and <= HostText.MaxLength, Socket.Length: <= SocketName.MaxLength }
            ? message
            : throw new ProtocolException("A connection's endpoint is out of range.");
    }
}

/// <summary>
/// Goes with a descriptor, on a stream of its own that can carry one: the socket at which the agent's connections to an endpoint arrive, or
/// one of these connections.
/// </summary>
/// <param name="Host">What was asked for, as in <see cref="EgressOpened"/>.</param>
/// <param name="Port">TCP port that was asked for.</param>
internal sealed record EgressHandover(string Host, int Port)
{
    /// <summary>Most bytes of a payload: a number, and a text behind its length.</summary>
    public const int MaxLength = (2 * sizeof(int)) + HostText.MaxLength;

    public byte[] ToPayload() => new MessageWriter().Int32(Port).Text(Host).Written.ToArray();

    public static EgressHandover FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        int port = reader.Int32();
        EgressHandover message = new(reader.Text(), port);
        reader.End();
        return message is { Port: > 0 and <= ushort.MaxValue, Host.Length: > 0 and <= HostText.MaxLength }
            ? message
            : throw new ProtocolException("An endpoint is out of range.");
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
        return message.Bytes is > 0 and <= Initial
            ? message
            : throw new ProtocolException("A connection's window grew by an impossible amount.");
    }
}

/// <summary>Does a process of the sandbox still hold the agent's end of a connection?</summary>
/// <param name="Number">The question's, never used twice in a run.</param>
/// <param name="Socket">The agent's end (<see cref="SocketName"/>).</param>
internal sealed record EgressQuestion(int Number, string Socket)
{
    /// <summary>Most bytes of a payload: a number, and a text behind its length.</summary>
    public const int MaxLength = (2 * sizeof(int)) + SocketName.MaxLength;

    public byte[] ToPayload() => new MessageWriter().Int32(Number).Text(Socket).Written.ToArray();

    public static EgressQuestion FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        EgressQuestion message = new(reader.Int32(), reader.Text());
        reader.End();
        return message;
    }
}

/// <summary>The answer to an <see cref="EgressQuestion"/>.</summary>
/// <param name="Number">The question's.</param>
/// <param name="IsHeld">Whether a process holds it.</param>
internal sealed record EgressAnswer(int Number, bool IsHeld)
{
    public byte[] ToPayload() => new MessageWriter().Int32(Number).Flag(IsHeld).Written.ToArray();

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
    public static int ConnectionOf(ReadOnlySpan<byte> payload) =>
        payload.Length > HeaderLength
            ? BinaryPrimitives.ReadInt32LittleEndian(payload)
            : throw new ProtocolException("A connection's data is empty.");
}
