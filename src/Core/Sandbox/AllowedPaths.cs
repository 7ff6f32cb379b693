using System.Collections.Immutable;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Sandbox;

/// <summary>What an agent may read and write in its sandbox: what every program needs, what it is shown, and what its policy adds.</summary>
internal static class AllowedPaths
{
    // Programs and their libraries, configuration and data; and what runtimes ask the kernel about: processors, limits, interfaces.
    private static readonly ImmutableArray<string> System =
    [
        "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/etc", "/opt", "/nix", "/var/lib", "/var/cache",
        "/sys/fs/cgroup", "/sys/devices/system", "/sys/devices/virtual", "/sys/class/net", "/sys/kernel/mm",
    ];

    // Of the last two, the kernel and the engine keep from an agent what is not its own.
    private static readonly ImmutableArray<string> Writable = [SandboxPaths.Output, SandboxPaths.Temporary, "/dev", "/proc"];

    /// <summary>Paths that may be read.</summary>
    public static string[] Read(Policy policy) =>
    [
        .. System,
        SandboxPaths.Agent,
        .. policy.Filesystem.Workspace == WorkspaceAccess.None ? [] : new[] { SandboxPaths.Workspace },
        .. policy.ReadonlyMounts.Select(mount => mount.SandboxPath),
        .. policy.Filesystem.AllowedReadPaths,
    ];

    /// <summary>Paths that may be read and written.</summary>
    public static string[] Write() => [.. Writable];
}
