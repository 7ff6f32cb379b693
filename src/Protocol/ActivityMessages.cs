namespace IsolatedAgents.Protocol;

/// <summary>The kind of thing that a process of the agent did or tried. Values are part of the wire format.</summary>
internal enum ActivityKind : byte
{
    /// <summary>A regular file was opened for reading.</summary>
    FileRead,

    /// <summary>A file was opened for writing, made, or changed in another way.</summary>
    FileWritten,

    /// <summary>A file or folder was removed.</summary>
    FileDeleted,

    /// <summary>A file or folder was renamed.</summary>
    FileRenamed,

    /// <summary>A program was started.</summary>
    ProcessStarted,

    /// <summary>A file was asked for that the policy does not allow.</summary>
    FileDenied,

    /// <summary>A connection was tried, or a datagram sent, to what the policy does not allow.</summary>
    ConnectionDenied,

    /// <summary>A system call was made that is never allowed.</summary>
    CallDenied,

    /// <summary>Activities past the bound, which are only counted.</summary>
    Omitted,
}

/// <summary>Why something was denied.</summary>
internal enum DenialReason : byte
{
    /// <summary>It was not.</summary>
    None,

    /// <summary>The path is outside of what may be read.</summary>
    OutsideReadPaths,

    /// <summary>The path is outside of what may be written.</summary>
    OutsideWritePaths,

    /// <summary>The path holds secrets of the system.</summary>
    SensitivePath,

    /// <summary>The arguments of the call could not be read, so that nobody could judge it.</summary>
    Unreadable,

    /// <summary>The destination is not among the allowed endpoints.</summary>
    NotAllowedEndpoint,

    /// <summary>A socket in the file system that the agent may not use.</summary>
    ForeignSocket,

    /// <summary>A system call that no agent may make.</summary>
    DeniedCall,

    /// <summary>A kind of socket that no agent may have.</summary>
    DeniedSocket,

    /// <summary>A name was looked up that belongs to no allowed endpoint.</summary>
    NotAllowedName,

    /// <summary>More names of allowed domains were looked up than a run may have.</summary>
    TooManyNames,

    /// <summary>The path is protected, although the workspace may be written.</summary>
    ProtectedPath,

    /// <summary>The destination is allowed, but not by this kind of socket: only TCP is relayed.</summary>
    NotRelayed,
}

/// <summary>One thing that a process of the agent did or tried, or several of the same.</summary>
internal sealed record Activity
{
    private const int TypicalLength = 64;

    /// <summary>The kind of activity.</summary>
    public required ActivityKind Kind { get; init; }

    /// <summary>Why it was denied.</summary>
    public DenialReason Reason { get; init; }

    /// <summary>The process, in the sandbox's own numbering.</summary>
    public int ProcessId { get; init; }

    /// <summary>How many times since the last time this was told; 1 or more.</summary>
    public int Count { get; init; } = 1;

    /// <summary>The port of a destination; 0 where it has none.</summary>
    public int Port { get; init; }

    /// <summary>The path, command line, address or call: bytes that the agent chose.</summary>
    public required byte[] Subject { get; init; }

    /// <summary>
    /// The new path of what is renamed; the call, where a file was changed in another way than by writing; empty otherwise.
    /// </summary>
    public byte[] Detail { get; init; } = [];

    /// <summary>The program of the process; only where something was denied.</summary>
    public byte[] Program { get; init; } = [];

    /// <summary>Reads the activities of one frame: one or more.</summary>
    public static List<Activity> FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        List<Activity> activities = new(payload.Length / TypicalLength);
        do
        {
            activities.Add(Read(ref reader));
        } while (!reader.IsAtEnd);

        return activities;
    }

    private static Activity Read(ref MessageReader reader)
    {
        byte kind = reader.Byte();
        byte reason = reader.Byte();
        if (!Enum.IsDefined((ActivityKind)kind) || !Enum.IsDefined((DenialReason)reason))
        {
            throw new ProtocolException($"Activity {kind} for reason {reason} is unknown.");
        }

        Activity message = new()
        {
            Kind = (ActivityKind)kind,
            Reason = (DenialReason)reason,
            ProcessId = reader.Int32(),
            Count = reader.Int32(),
            Port = reader.Int32(),
            Subject = reader.Bytes().ToArray(),
            Detail = reader.Bytes().ToArray(),
            Program = reader.Bytes().ToArray(),
        };
        return message is { Count: > 0, Port: >= 0 and <= ushort.MaxValue }
            ? message
            : throw new ProtocolException("An activity's count or port is out of range.");
    }
}

/// <summary>The probes that were tried from inside before the agent started, and how each was refused.</summary>
/// <param name="Names">Each control.</param>
/// <param name="Results">What was found of it.</param>
internal sealed record ProbeResults(string[] Names, string[] Results)
{
    /// <summary>Among the names where the kernel's own rules for files are missing.</summary>
    public const string MissingLandlock = "Landlock";

    public byte[] ToPayload() => new MessageWriter().Texts(Names).Texts(Results).Written.ToArray();

    public static ProbeResults FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        ProbeResults message = new(reader.Texts(), reader.Texts());
        reader.End();
        return message.Names.Length == message.Results.Length ? message : throw new ProtocolException("Each probe has one result.");
    }
}
