using System.Collections.Immutable;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Engines;

/// <summary>A host folder or file that the sandbox sees.</summary>
/// <param name="HostPath">Absolute path as this process knows it.</param>
/// <param name="SandboxPath">Absolute path inside.</param>
/// <param name="IsWritable">Whether it may be written.</param>
internal sealed record SandboxMount(string HostPath, string SandboxPath, bool IsWritable)
{
    /// <summary>Absolute path as the engine knows it.</summary>
    public string EnginePath { get; init; } = HostPath;

    /// <summary>The file's inode when it was checked; 0 where this system has none, or nothing was checked.</summary>
    public long Inode { get; init; }
}

/// <summary>
/// The container, complete, before anything is created: what is not in here does not reach the engine. Holds no secret: the environment and
/// the arguments of the agent travel over the stream alone.
/// </summary>
internal sealed record SandboxSpec
{
    public required string SessionId { get; init; }

    /// <summary>The image's id, which cannot be re-tagged between look-up and start.</summary>
    public required string ImageId { get; init; }

    /// <summary>The supervisor's arguments: none, or the path of the host's socket.</summary>
    public required ImmutableArray<string> SupervisorArguments { get; init; }

    public required ImmutableArray<SandboxMount> Mounts { get; init; }

    /// <summary>Copies of host folders that fill volumes before the start, in place of mounts.</summary>
    public required ImmutableArray<SandboxCopy> Copies { get; init; }

    /// <summary>
    /// The host user whose rights decide which files of a copy the agent may read.
    /// </summary>
    public required (int UserId, int GroupId) CopyReader { get; init; }

    public required ImmutableSortedDictionary<string, string> Labels { get; init; }

    public required long MemoryBytes { get; init; }

    public required long CpuMillicores { get; init; }

    public required int PidsLimit { get; init; }

    /// <summary>Size of <c>/tmp</c> and of each of <see cref="ScratchPaths"/> in bytes, which counts as memory.</summary>
    public required long TemporaryBytes { get; init; }

    /// <summary>Size of <c>/dev/shm</c> in bytes, which counts as memory.</summary>
    public required long SharedMemoryBytes { get; init; }

    /// <summary>Further folders that are empty, writable and in memory.</summary>
    public ImmutableArray<string> ScratchPaths { get; init; } = [];

    /// <summary>
    /// The path to write the system-call profile to, for an engine that reads it from a file, and the same place as the engine knows it;
    /// null where the engine sees no file of ours.
    /// </summary>
    public (string HostPath, string EnginePath)? ProfileFile { get; init; }

    /// <summary>Size of the file system of <c>/output</c>; null where it is a volume that the supervisor watches instead.</summary>
    public required long? OutputFileSystemBytes { get; init; }

    /// <summary>Entries that the file system of <c>/output</c> can hold.</summary>
    public required int OutputFileSystemEntries { get; init; }
}
