namespace IsolatedAgents.Protocol;

/// <summary>Bounds that both sides know.</summary>
internal static class WorkspaceBounds
{
    /// <summary>Most files, links and folders of a workspace that is copied to be written to.</summary>
    public const int MaxEntries = 100_000;

    /// <summary>Folders deeper than this are not looked into.</summary>
    public const int MaxDepth = 128;
}

/// <summary>How the private copy of the workspace differs from what it was before the agent started. What was deleted follows, then the files, as those of the output folder do.</summary>
/// <param name="Written">Files that were made or may have been changed.</param>
/// <param name="Deleted">Files that are no longer there.</param>
/// <param name="Bytes">Apparent sizes of the former together.</param>
/// <param name="Exceeded">Whether a bound is passed; then nothing follows, and the figures are lower bounds.</param>
internal sealed record WorkspaceFound(int Written, int Deleted, long Bytes, bool Exceeded)
{
    public byte[] ToPayload() => new MessageWriter().Int32(Written).Int32(Deleted).Int64(Bytes).Flag(Exceeded).Written.ToArray();

    public static WorkspaceFound FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        WorkspaceFound message = new(reader.Int32(), reader.Int32(), reader.Int64(), reader.Flag());
        reader.End();
        return message is { Written: >= 0, Deleted: >= 0, Bytes: >= 0 } ? message : throw new ProtocolException("A count of changes is negative.");
    }
}

/// <summary>A file of the workspace that is no longer there.</summary>
/// <param name="Path">Below the workspace, as the kernel's bytes.</param>
internal sealed record WorkspaceDeletion(byte[] Path)
{
    public byte[] ToPayload() => new MessageWriter().Bytes(Path).Written.ToArray();

    public static WorkspaceDeletion FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        WorkspaceDeletion message = new(reader.Bytes().ToArray());
        reader.End();
        return message;
    }
}
