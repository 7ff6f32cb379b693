namespace IsolatedAgents.Protocol;

/// <summary>The supervisor's first word.</summary>
/// <param name="KernelRelease">As <c>uname -r</c> gives it.</param>
/// <param name="ControlGroupVersion">1 or 2; 0 where no control group is visible.</param>
/// <param name="LandlockVersion">Version of Landlock's interface that can be used in the sandbox; 0 where none can.</param>
/// <param name="HasSystemCallNotification">Whether seccomp can tell a supervisor of system calls.</param>
internal sealed record Hello(string KernelRelease, int ControlGroupVersion, int LandlockVersion, bool HasSystemCallNotification)
{
    public byte[] ToPayload() =>
        new MessageWriter()
            .Text(KernelRelease)
            .Int32(ControlGroupVersion)
            .Int32(LandlockVersion)
            .Flag(HasSystemCallNotification)
            .Written.ToArray();

    public static Hello FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        Hello message = new(reader.Text(), reader.Int32(), reader.Int32(), reader.Flag());
        reader.End();
        return message;
    }
}

/// <summary>Why no agent was started.</summary>
internal enum SetupFailureKind : byte
{
    /// <summary>A control is not in force.</summary>
    Isolation,

    /// <summary>The agent's program could not be started.</summary>
    Agent,

    /// <summary>The supervisor itself failed.</summary>
    Internal,

    /// <summary>A probe succeeded that the sandbox must refuse.</summary>
    Probe,
}

/// <summary>Why no agent was started.</summary>
/// <param name="Kind">Whose fault it is.</param>
/// <param name="Subject">The control, or the program.</param>
/// <param name="Detail">What was found.</param>
internal sealed record SetupFailure(SetupFailureKind Kind, string Subject, string Detail)
{
    public byte[] ToPayload() => new MessageWriter().Byte((byte)Kind).Text(Subject).Text(Detail).Written.ToArray();

    public static SetupFailure FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        byte kind = reader.Byte();
        SetupFailure message = new(
            kind <= (byte)SetupFailureKind.Probe
                ? (SetupFailureKind)kind
                : throw new ProtocolException($"Setup failure kind {kind} is unknown."),
            reader.Text(),
            reader.Text()
        );
        reader.End();
        return message;
    }
}

/// <summary>The agent runs.</summary>
/// <param name="ProcessId">In the sandbox's own numbering.</param>
/// <param name="UserId">Who it runs as.</param>
/// <param name="GroupId">Its group.</param>
internal sealed record Started(int ProcessId, int UserId, int GroupId)
{
    public byte[] ToPayload() => new MessageWriter().Int32(ProcessId).Int32(UserId).Int32(GroupId).Written.ToArray();

    public static Started FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        Started message = new(reader.Int32(), reader.Int32(), reader.Int32());
        reader.End();
        return message;
    }
}

/// <summary>Figures of the sandbox's control group. A figure that the kernel does not give is -1.</summary>
internal sealed record ResourceUsage
{
    /// <summary>CPU time used so far, in nanoseconds.</summary>
    public long CpuNanoseconds { get; init; }

    /// <summary>Memory in use, without the page cache that can be dropped, in bytes.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Most memory ever in use, in bytes.</summary>
    public long MemoryPeakBytes { get; init; }

    /// <summary>Processes and threads.</summary>
    public long Pids { get; init; }

    /// <summary>Processes that the kernel ended for memory.</summary>
    public long OutOfMemoryKills { get; init; }

    /// <summary>Forks that the process limit refused.</summary>
    public long PidsDenied { get; init; }

    /// <summary>Bytes in the output folder.</summary>
    public long OutputBytes { get; init; }

    /// <summary>Since the agent was started, in nanoseconds.</summary>
    public long ElapsedNanoseconds { get; init; }

    public void Write(MessageWriter writer) =>
        writer
            .Int64(CpuNanoseconds)
            .Int64(MemoryBytes)
            .Int64(MemoryPeakBytes)
            .Int64(Pids)
            .Int64(OutOfMemoryKills)
            .Int64(PidsDenied)
            .Int64(OutputBytes)
            .Int64(ElapsedNanoseconds);

    public static ResourceUsage Read(ref MessageReader reader) =>
        new()
        {
            CpuNanoseconds = reader.Int64(),
            MemoryBytes = reader.Int64(),
            MemoryPeakBytes = reader.Int64(),
            Pids = reader.Int64(),
            OutOfMemoryKills = reader.Int64(),
            PidsDenied = reader.Int64(),
            OutputBytes = reader.Int64(),
            ElapsedNanoseconds = reader.Int64(),
        };

    public byte[] ToPayload()
    {
        MessageWriter writer = new();
        Write(writer);
        return writer.Written.ToArray();
    }

    public static ResourceUsage FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        ResourceUsage usage = Read(ref reader);
        reader.End();
        return usage;
    }
}

/// <summary>Why the supervisor ended the agent.</summary>
internal enum EndCause : byte
{
    /// <summary>It did not: the agent ended by itself.</summary>
    None,

    /// <summary>The time limit.</summary>
    Timeout,

    /// <summary>A <see cref="FrameType.Stop"/> frame.</summary>
    Stop,

    /// <summary>The output folder's bound was passed while the agent ran.</summary>
    OutputLimit,

    /// <summary>SIGTERM to the supervisor: somebody else, such as an engine that is shut down, ends the sandbox.</summary>
    Terminated,

    /// <summary>The copy of the workspace has grown beyond its bound while the agent ran.</summary>
    WorkspaceLimit,
}

/// <summary>How the agent ended.</summary>
internal sealed record AgentExit
{
    /// <summary>Its exit code; -1 where a signal ended it.</summary>
    public int ExitCode { get; init; }

    /// <summary>The signal that ended it; 0 where none did.</summary>
    public int Signal { get; init; }

    /// <summary>Why the supervisor ended it.</summary>
    public EndCause Cause { get; init; }

    /// <summary>All bytes the agent wrote to standard output, sent or not.</summary>
    public long StandardOutputBytes { get; init; }

    /// <summary>All bytes the agent wrote to standard error, sent or not.</summary>
    public long StandardErrorBytes { get; init; }

    /// <summary>The last figures.</summary>
    public required ResourceUsage Usage { get; init; }

    public byte[] ToPayload()
    {
        MessageWriter writer = new MessageWriter()
            .Int32(ExitCode)
            .Int32(Signal)
            .Byte((byte)Cause)
            .Int64(StandardOutputBytes)
            .Int64(StandardErrorBytes);
        Usage.Write(writer);
        return writer.Written.ToArray();
    }

    public static AgentExit FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        int exitCode = reader.Int32();
        int signal = reader.Int32();
        byte cause = reader.Byte();
        AgentExit message = new()
        {
            ExitCode = exitCode,
            Signal = signal,
            Cause =
                cause <= (byte)EndCause.WorkspaceLimit ? (EndCause)cause : throw new ProtocolException($"End cause {cause} is unknown."),
            StandardOutputBytes = reader.Int64(),
            StandardErrorBytes = reader.Int64(),
            Usage = ResourceUsage.Read(ref reader),
        };
        reader.End();
        return message;
    }
}
