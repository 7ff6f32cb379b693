using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes;

/// <summary>A change with the file that holds its new content.</summary>
/// <param name="Change">The change as events and results report it.</param>
/// <param name="Content">Absolute host path of the new content; null for a deletion and for a link.</param>
internal sealed record PendingChange(WorkspaceChange Change, string? Content)
{
    public string Path => Change.Path;

    /// <summary>Whether nothing is there any more.</summary>
    public bool IsDeletion => Change.After is null;

    /// <summary>The target of a link, below the workspace; null for everything else.</summary>
    public string? LinkEnd { get; init; }

    public bool IsHeldBack => Change.HeldBackReason is not null;

    /// <summary>Whether it is held back as a protected path, which is a violation.</summary>
    public bool IsProtected { get; init; }
}
