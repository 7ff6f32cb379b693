namespace IsolatedAgents.Protocol;

/// <summary>Size and number of the entries of the output folder, once every process that could change it is gone.</summary>
/// <param name="Files">Regular files.</param>
/// <param name="Bytes">Their apparent sizes together.</param>
/// <param name="Passed">
/// The bound that is passed, or was while the agent ran; then no file follows, and the figures are lower bounds.
/// </param>
internal sealed record OutputsFound(int Files, long Bytes, OutputBound Passed)
{
    public byte[] ToPayload() => new MessageWriter().Int32(Files).Int64(Bytes).Byte((byte)Passed).Written.ToArray();

    public static OutputsFound FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        int files = reader.Int32();
        long bytes = reader.Int64();
        byte passed = reader.Byte();
        reader.End();
        return passed <= (byte)OutputBound.Entries
            ? new OutputsFound(files, bytes, (OutputBound)passed)
            : throw new ProtocolException($"Output bound {passed} is unknown.");
    }
}

/// <summary>A bound of the output folder.</summary>
internal enum OutputBound : byte
{
    /// <summary>None is passed.</summary>
    None,

    /// <summary>The bytes of its files.</summary>
    Bytes,

    /// <summary>The number of its files and folders.</summary>
    Entries,
}

/// <summary>Why an entry of the output folder is not taken.</summary>
internal enum RejectionReason : byte
{
    /// <summary>A symbolic link.</summary>
    SymbolicLink,

    /// <summary>A FIFO, socket or device.</summary>
    SpecialFile,

    /// <summary>Folders nested too deep.</summary>
    TooDeep,

    /// <summary>It could not be read.</summary>
    Unreadable,
}

/// <summary>An entry that is not taken.</summary>
/// <param name="Path">Below the output folder, as the kernel's bytes.</param>
/// <param name="Reason">Why.</param>
internal sealed record OutputRejection(byte[] Path, RejectionReason Reason)
{
    public byte[] ToPayload() => new MessageWriter().Byte((byte)Reason).Bytes(Path).Written.ToArray();

    public static OutputRejection FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        byte reason = reader.Byte();
        OutputRejection message = new(
            reader.Bytes().ToArray(),
            reason <= (byte)RejectionReason.Unreadable
                ? (RejectionReason)reason
                : throw new ProtocolException($"Rejection reason {reason} is unknown.")
        );
        reader.End();
        return message;
    }
}

/// <summary>A file whose bytes follow.</summary>
/// <param name="Path">Below the output folder, as the kernel's bytes: the host decides whether it can hold such a name.</param>
/// <param name="Size">Exactly so many bytes follow.</param>
/// <param name="Executable">Whether its owner may execute it. No other mode bit is carried.</param>
internal sealed record OutputFile(byte[] Path, long Size, bool Executable)
{
    public byte[] ToPayload() => new MessageWriter().Bytes(Path).Int64(Size).Flag(Executable).Written.ToArray();

    public static OutputFile FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        OutputFile message = new(reader.Bytes().ToArray(), reader.Int64(), reader.Flag());
        reader.End();
        return message.Size >= 0 ? message : throw new ProtocolException("A file's size is negative.");
    }
}
