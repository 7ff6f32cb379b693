namespace IsolatedAgents.Protocol;

/// <summary>Bounds that both sides know.</summary>
internal static class WorkspaceBounds
{
    /// <summary>Most files, links and folders of a workspace that is copied to be written to.</summary>
    public const int MaxEntries = 100_000;

    /// <summary>Most files, links and folders that the copy may have once the agent has worked on it.</summary>
    public const int MaxEntriesAfter = 500_000;

    /// <summary>Most bytes of the names and targets that are listed: each of them is kept in memory.</summary>
    public const long MaxListedBytes = 64L * 1024 * 1024;

    /// <summary>Folders deeper than this are not looked into.</summary>
    public const int MaxDepth = 128;
}

/// <summary>How an entry of the workspace differs from the original.</summary>
internal enum WorkspaceEntryKind : byte
{
    /// <summary>A file that was made, or may have been changed.</summary>
    File,

    /// <summary>A symbolic link that was made, or may have been changed.</summary>
    Link,

    /// <summary>A file or link that is no longer there.</summary>
    Deleted,

    /// <summary>A FIFO, socket or device.</summary>
    Special,

    /// <summary>A folder nested too deep to be looked into.</summary>
    TooDeep,

    /// <summary>It could not be read.</summary>
    Unreadable,
}

/// <summary>One entry of the private copy that differs from what it was before the agent started.</summary>
/// <param name="Kind">What has become of it.</param>
/// <param name="IsExecutable">Whether its owner may execute a file.</param>
/// <param name="Size">Apparent size of a file.</param>
/// <param name="Path">Below the workspace, as the kernel's bytes.</param>
/// <param name="Target">What a link leads to, as the kernel's bytes; empty for everything else.</param>
internal sealed record WorkspaceEntry(WorkspaceEntryKind Kind, bool IsExecutable, long Size, byte[] Path, byte[] Target);

/// <summary>Entries in the order of their paths, those that are gone last.</summary>
internal sealed record WorkspaceEntries(IReadOnlyList<WorkspaceEntry> Entries)
{
    public byte[] ToPayload()
    {
        MessageWriter writer = new();
        foreach (WorkspaceEntry entry in Entries)
        {
            Write(writer, entry);
        }

        return writer.Written.ToArray();
    }

    public static void Write(MessageWriter writer, WorkspaceEntry entry) =>
        writer.Byte((byte)entry.Kind).Flag(entry.IsExecutable).Int64(entry.Size).Bytes(entry.Path).Bytes(entry.Target);

    public static WorkspaceEntries FromPayload(ReadOnlySpan<byte> payload)
    {
        List<WorkspaceEntry> entries = [];
        for (MessageReader reader = new(payload); !reader.IsAtEnd; )
        {
            byte kind = reader.Byte();
            WorkspaceEntry entry = new(
                kind <= (byte)WorkspaceEntryKind.Unreadable
                    ? (WorkspaceEntryKind)kind
                    : throw new ProtocolException($"Entry kind {kind} is unknown."),
                reader.Flag(),
                reader.Int64(),
                reader.Bytes().ToArray(),
                reader.Bytes().ToArray()
            );
            entries.Add(
                entry is { Size: >= 0, Path.Length: > 0 } ? entry : throw new ProtocolException("An entry has no name, or a negative size.")
            );
        }

        return new WorkspaceEntries(entries);
    }
}

/// <summary>
/// How the private copy of the workspace differs from what it was before the agent started: all entries were sent. The supervisor waits for
/// <see cref="WorkspaceRequest"/>.
/// </summary>
/// <param name="Entries">How many entries were sent.</param>
/// <param name="Bytes">Apparent sizes of all files of the copy together.</param>
/// <param name="Exceeded">Whether the copy has passed its own bounds; then nothing follows, and the figures are lower bounds.</param>
internal sealed record WorkspaceFound(int Entries, long Bytes, bool Exceeded)
{
    public byte[] ToPayload() => new MessageWriter().Int32(Entries).Int64(Bytes).Flag(Exceeded).Written.ToArray();

    public static WorkspaceFound FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        WorkspaceFound message = new(reader.Int32(), reader.Int64(), reader.Flag());
        reader.End();
        return message is { Entries: >= 0, Bytes: >= 0 } ? message : throw new ProtocolException("A count of changes is negative.");
    }
}

/// <summary>Which files the host wants of the entries that it was told of. It may ask again, and says when it is done.</summary>
/// <param name="Paths">Below the workspace.</param>
/// <param name="IsComplete">Whether the request ends here; otherwise more of it follows.</param>
/// <param name="IsLast">Whether it is the last request: nothing is to be sent after its files.</param>
internal sealed record WorkspaceRequest(IReadOnlyCollection<string> Paths, bool IsComplete, bool IsLast)
{
    // With the longest path, which is 4,096 bytes, still within a frame.
    private const int FullLength = 48 * 1024;

    /// <summary>The messages that ask for so many.</summary>
    public static IEnumerable<WorkspaceRequest> Split(IEnumerable<string> paths, bool isLast)
    {
        List<string> part = [];
        int length = 0;
        foreach (string path in paths)
        {
            part.Add(path);
            length += sizeof(int) + System.Text.Encoding.UTF8.GetByteCount(path);
            if (length >= FullLength)
            {
                yield return new WorkspaceRequest(part, IsComplete: false, isLast);
                part = [];
                length = 0;
            }
        }

        yield return new WorkspaceRequest(part, IsComplete: true, isLast);
    }

    public byte[] ToPayload() => new MessageWriter().Flag(IsComplete).Flag(IsLast).Texts(Paths).Written.ToArray();

    public static WorkspaceRequest FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        bool isComplete = reader.Flag();
        bool isLast = reader.Flag();
        WorkspaceRequest message = new(reader.Texts(), isComplete, isLast);
        reader.End();
        return message;
    }
}
