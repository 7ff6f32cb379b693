namespace IsolatedAgents.Workspaces;

/// <summary>How a file of the workspace was changed.</summary>
public enum WorkspaceChangeKind
{
    /// <summary>It was not there before.</summary>
    Created,

    /// <summary>Its content, or whether it may be executed, is another.</summary>
    Changed,

    /// <summary>It is no longer there.</summary>
    Deleted,
}

/// <summary>The fate of a change.</summary>
public enum WorkspaceChangeStatus
{
    /// <summary>The workspace has it.</summary>
    Applied,

    /// <summary>The workspace does not have it, since the run did not pass.</summary>
    NotApplied,

    /// <summary>The workspace does not have it, whatever the run's verdict.</summary>
    HeldBack,
}

/// <summary>A state of a file.</summary>
/// <param name="Size">In bytes.</param>
/// <param name="Sha256">Lower-case hex.</param>
/// <param name="IsExecutable">Whether its owner may execute it; no other permission is carried over.</param>
public sealed record WorkspaceFileState(long Size, string Sha256, bool IsExecutable)
{
    /// <summary>The target of a symbolic link, of which size and hash are given; null for a file.</summary>
    public string? LinkTarget { get; init; }
}

/// <summary>One file that the agent has changed in its copy of the workspace.</summary>
public sealed record WorkspaceChange
{
    /// <summary>Path below the workspace, with forward slashes.</summary>
    public required string Path { get; init; }

    /// <summary>How it was changed.</summary>
    public required WorkspaceChangeKind Kind { get; init; }

    /// <summary>The fate of the change.</summary>
    public WorkspaceChangeStatus Status { get; init; } = WorkspaceChangeStatus.NotApplied;

    /// <summary>The file before the run; null when it is new.</summary>
    public WorkspaceFileState? Before { get; init; }

    /// <summary>The file after the run; null when it is deleted.</summary>
    public WorkspaceFileState? After { get; init; }

    /// <summary>Whether tools of a developer run such a file, or what it names, without being asked to.</summary>
    public bool RunsCode { get; init; }

    /// <summary>Why it is held back; null where it is not.</summary>
    public string? HeldBackReason { get; init; }

    /// <summary>The policy key that holds it back, or that could let it through; null where no key decides.</summary>
    public string? HeldBackRule { get; init; }
}
