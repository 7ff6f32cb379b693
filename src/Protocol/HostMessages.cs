namespace IsolatedAgents.Protocol;

/// <summary>End the agent: SIGTERM, then SIGKILL to all.</summary>
/// <param name="GraceMilliseconds">Between the two.</param>
internal sealed record StopRequest(long GraceMilliseconds)
{
    public byte[] ToPayload() => new MessageWriter().Int64(GraceMilliseconds).Written.ToArray();

    public static StopRequest FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        StopRequest message = new(reader.Int64());
        reader.End();
        return message;
    }
}

/// <summary>So many more data bytes may be sent.</summary>
/// <param name="Bytes">More than 0.</param>
internal sealed record Credit(int Bytes)
{
    public byte[] ToPayload() => new MessageWriter().Int32(Bytes).Written.ToArray();

    public static Credit FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        Credit message = new(reader.Int32());
        reader.End();
        return message.Bytes > 0 ? message : throw new ProtocolException("A credit of nothing was granted.");
    }
}
