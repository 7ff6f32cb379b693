namespace IsolatedAgents.Supervisor.Outputs;

/// <summary>The kind of an entry of the output folder.</summary>
internal enum OutputEntryKind
{
    File,
    SymbolicLink,
    SpecialFile,
    TooDeep,
    Unreadable,
}

/// <summary>One entry met by <see cref="OutputFolder"/>.</summary>
/// <param name="Path">Below the folder, as the kernel's bytes.</param>
/// <param name="Kind">What it is; folders are walked and not met.</param>
/// <param name="Size">Apparent size of a file.</param>
/// <param name="Executable">Whether its owner may execute it.</param>
/// <param name="Fd">An open file, while it is being met; -1 for everything else.</param>
internal readonly record struct OutputEntry(byte[] Path, OutputEntryKind Kind, long Size, bool Executable, int Fd)
{
    /// <summary>The target of a link, when it was requested.</summary>
    public byte[]? Target { get; init; }

    /// <summary>Bytes that a file takes of its disk, which may be more than its apparent size.</summary>
    public long DiskBytes { get; init; }

    /// <summary>Which file it is and when it was changed last, as far as that is known.</summary>
    public FileStamp Stamp { get; init; }
}

/// <summary>
/// Tells a file from another one and from a later state of itself: every way to change a file sets the latter, and no agent can.
/// </summary>
/// <param name="Inode">The file's inode.</param>
/// <param name="ChangedSeconds">When the kernel saw it changed last.</param>
/// <param name="ChangedNanoseconds">The rest of that.</param>
internal readonly record struct FileStamp(ulong Inode, long ChangedSeconds, long ChangedNanoseconds);
