using System.Collections.Immutable;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Policies.Access;

/// <summary>A path that an agent may use, with all below it.</summary>
/// <param name="Path">Absolute path in the sandbox.</param>
/// <param name="Rule">The policy key that gives it, or what it is by default.</param>
internal sealed record PathGrant(string Path, string Rule);

/// <summary>
/// The paths that an agent may read and write in its sandbox: those of every program, those it is shown, and those its policy adds.
/// </summary>
internal static class AllowedPaths
{
    private const string SystemRule = "default (system files)";

    // Programs and their libraries, configuration and data; and what runtimes ask the kernel about: processors, limits, interfaces.
    private static readonly ImmutableArray<string> System =
    [
        "/bin",
        "/sbin",
        "/lib",
        "/lib32",
        "/lib64",
        "/libx32",
        "/usr",
        "/etc",
        "/opt",
        "/nix",
        "/var/lib",
        "/var/cache",
        "/sys/fs/cgroup",
        "/sys/devices/system",
        "/sys/devices/virtual",
        "/sys/class/net",
        "/sys/kernel/mm",
    ];

    /// <summary>Paths that may be read; those of <see cref="Write"/> may too.</summary>
    public static ImmutableArray<PathGrant> Read(Policy policy) =>
        [
            .. System.Select(path => new PathGrant(path, SystemRule)),
            new(SandboxPaths.Agent, "default (the agent's own files)"),
            .. policy.Filesystem.Workspace == WorkspaceAccess.None
                ? []
                : new[] { new PathGrant(SandboxPaths.Workspace, "filesystem.workspace") },
            .. policy.ReadonlyMounts.Select(mount => new PathGrant(mount.SandboxPath, "readonly_mounts")),
            .. policy.Filesystem.AllowedReadPaths.Select(path => new PathGrant(path, "filesystem.allowed_read_paths")),
        ];

    /// <summary>Paths that may be read and written.</summary>
    public static ImmutableArray<PathGrant> Write(Policy policy) =>
        [
            new(SandboxPaths.Output, "default (the output folder)"),
            .. SandboxPaths.TemporaryFolders.Select(path => new PathGrant(path, "default (temporary files)")),
            .. policy.Filesystem.Workspace == WorkspaceAccess.Write
                ? new[] { new PathGrant(SandboxPaths.Workspace, "filesystem.workspace") }
                : [],
            // Of these, the kernel and the engine keep from an agent what is not its own.
            new("/dev", "default (devices)"),
            new("/proc", "default (the agent's own processes)"),
            .. policy.Filesystem.AllowedWritePaths.Select(path => new PathGrant(path, "filesystem.allowed_write_paths")),
        ];

    /// <summary>Paths that are writable because the policy says so, and that an empty file system in memory is put at.</summary>
    public static ImmutableArray<string> Scratch(Policy policy) =>
        [.. policy.Filesystem.AllowedWritePaths.Where(path => !IsWritableAnyway(policy, path))];

    /// <summary>Why no file system can be put at a path of <c>allowed_write_paths</c>, to stand behind it; null where one can.</summary>
    public static string? ScratchProblem(Policy policy, string path) =>
        IsWritableAnyway(policy, path) ? null
        : FileRules.Holder(path, [SandboxPaths.Workspace]) is not null ? "is in the workspace, which is read-only"
        : Policies.Rules.SandboxPathRules.CheckMountTarget(path).Value is null ? "is the sandbox's own"
        : System.Any(folder => FileRules.Holder(folder, [path]) is not null)
            ? "holds the system's files, which the folder that is put there would hide"
        : policy.ReadonlyMounts.Any(mount =>
            FileRules.Holder(path, [mount.SandboxPath]) is not null || FileRules.Holder(mount.SandboxPath, [path]) is not null
        )
            ? "meets one of readonly_mounts"
        : null;

    private static bool IsWritableAnyway(Policy policy, string path) =>
        FileRules.Holder(
            path,
            [
                SandboxPaths.Output,
                .. SandboxPaths.TemporaryFolders,
                .. policy.Filesystem.Workspace == WorkspaceAccess.Write ? new[] { SandboxPaths.Workspace } : [],
            ]
        )
            is not null;
}
