using System.Collections.Frozen;

namespace IsolatedAgents.Workspaces;

/// <summary>A host folder or file that is copied into a volume of the sandbox's own.</summary>
/// <param name="HostPath">Absolute path on this machine.</param>
/// <param name="VolumePath">Absolute sandbox path of the volume.</param>
/// <param name="Name">Name of the file in the volume; empty for a folder, whose content fills the volume.</param>
/// <param name="Inode">The inode when it was checked; 0 where this system has none.</param>
internal sealed record SandboxCopy(string HostPath, string VolumePath, string Name, long Inode)
{
    /// <summary>Notes what was copied, when the agent may change the copy; null when nobody may.</summary>
    public WorkspaceOriginal? Original { get; init; }

    /// <summary>Takes the links that no archive can hold.</summary>
    public required OutwardLinks Links { get; init; }

    /// <summary>
    /// Contents that are copied in place of files, by their paths on this machine: configuration files of repositories without the
    /// credentials in them.
    /// </summary>
    public FrozenDictionary<string, byte[]> Shown { get; init; } = FrozenDictionary<string, byte[]>.Empty;

    /// <summary>
    /// The run's own audit log, which is written meanwhile and locked: its copy is an empty file that nobody may read. Null where there is
    /// none.
    /// </summary>
    public string? AuditLog { get; init; }
}
