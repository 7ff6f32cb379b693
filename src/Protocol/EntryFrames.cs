namespace IsolatedAgents.Protocol;

/// <summary>
/// The frames by which the entries of one folder go to the host. Each folder has its own, so that a frame means the same whenever it comes.
/// </summary>
/// <param name="Rejected">An entry that is not taken.</param>
/// <param name="File">A file begins.</param>
/// <param name="Data">Bytes of it.</param>
/// <param name="Descriptor">All of it, as a descriptor.</param>
internal readonly record struct EntryFrames(FrameType Rejected, FrameType File, FrameType Data, FrameType Descriptor)
{
    /// <summary>The output folder's.</summary>
    public static EntryFrames Outputs { get; } =
        new(FrameType.OutputRejected, FrameType.OutputFile, FrameType.OutputData, FrameType.OutputDescriptor);

    /// <summary>Those of the agent's copy of the workspace.</summary>
    public static EntryFrames Workspace { get; } =
        new(FrameType.WorkspaceRejected, FrameType.WorkspaceFile, FrameType.WorkspaceData, FrameType.WorkspaceDescriptor);
}
