namespace IsolatedAgents.Protocol;

/// <summary>
/// Which files of the sandbox an agent may read and write. Both sides decide by this: the supervisor while the agent runs, the host when it
/// explains a policy. Paths are absolute, resolved, and compared byte for byte.
/// </summary>
internal sealed class FileRules(string[] readPaths, string[] writePaths)
{
    // A link of this name leads past every rule, and what is in the others is for the system alone.
    private static readonly string[] Sensitive =
    [
        "/etc/shadow",
        "/etc/shadow-",
        "/etc/gshadow",
        "/etc/gshadow-",
        "/etc/sudoers",
        "/etc/security/opasswd",
        "/proc/kcore",
        "/proc/kmsg",
        "/proc/kallsyms",
        "/proc/keys",
        "/proc/sysrq-trigger",
        "/proc/1/root",
        "/proc/1/cwd",
        "/proc/1/fd",
        "/proc/1/mem",
        "/proc/1/environ",
        "/proc/1/maps",
        "/proc/1/exe",
        "/proc/1/task",
        // What the kernel itself shows to nobody but who may trace the process: proc(5).
        "/proc/1/auxv",
        "/proc/1/clear_refs",
        "/proc/1/ksm_merging_pages",
        "/proc/1/ksm_stat",
        "/proc/1/mountstats",
        "/proc/1/fdinfo",
        "/proc/1/io",
        "/proc/1/map_files",
        "/proc/1/ns",
        "/proc/1/numa_maps",
        "/proc/1/pagemap",
        "/proc/1/patch_state",
        "/proc/1/personality",
        "/proc/1/seccomp_cache",
        "/proc/1/smaps",
        "/proc/1/smaps_rollup",
        "/proc/1/stack",
        "/proc/1/syscall",
        "/proc/1/timers",
        "/proc/1/timerslack_ns",
    ];

    private const string Supervisor = "/proc/1/";
    private const string Threads = "/proc/1/task";

    private static readonly string[] ReadonlyWithinWritable = ["/proc/sys", "/proc/1"];

    private PathGlobs? _protected;
    private string _workspace = "";

    /// <summary>Why <paramref name="path"/> may not be read; <see cref="DenialReason.None"/> where it may.</summary>
    public DenialReason Read(ReadOnlySpan<char> path) =>
        IsSensitive(path) ? DenialReason.SensitivePath
        : IsWithin(path, readPaths) || IsWithin(path, writePaths) ? DenialReason.None
        : DenialReason.OutsideReadPaths;

    /// <summary>
    /// Why <paramref name="path"/> may not be written, made, renamed or removed; <see cref="DenialReason.None"/> where it may.
    /// </summary>
    public DenialReason Write(ReadOnlySpan<char> path) =>
        IsSensitive(path) ? DenialReason.SensitivePath
        : !IsWithin(path, writePaths) || IsWithin(path, ReadonlyWithinWritable) ? DenialReason.OutsideWritePaths
        : IsProtected(path) ? DenialReason.ProtectedPath
        : DenialReason.None;

    /// <summary>
    /// Whether a path is, or leads by, one of the supervisor's own that the kernel opens for nobody else. Which threads it has is no
    /// secret.
    /// </summary>
    public static bool IsSupervisors(ReadOnlySpan<char> path) =>
        path.StartsWith(Supervisor) && IsSensitive(path) && !(Covers(Threads, path) && path[Threads.Length..].Count('/') <= 1);

    /// <summary>
    /// Why nothing may be put at <paramref name="path"/>, or moved or removed from it, but a folder made or removed while it is empty: a
    /// folder that holds what is protected is as good as that.
    /// </summary>
    public DenialReason Replace(ReadOnlySpan<char> path) =>
        Write(path) is not DenialReason.None and DenialReason reason ? reason
        : BelowWorkspace(path) is { } name && _protected!.LeadsTo(name, BuildFolders.Depth(name)) ? DenialReason.ProtectedPath
        : DenialReason.None;

    /// <summary>Whether a path of the workspace is not to be written although the workspace may be.</summary>
    public bool IsProtected(ReadOnlySpan<char> path) =>
        BelowWorkspace(path) is { } name && _protected!.Covers(name, BuildFolders.Depth(name));

    /// <summary>The same rules, with paths below <paramref name="workspace"/> that are never written.</summary>
    public FileRules Protecting(string workspace, string[] globs) =>
        new(readPaths, writePaths) { _workspace = workspace, _protected = new PathGlobs(globs, isLoose: true) };

    // The workspace itself cannot be moved.
    private string? BelowWorkspace(ReadOnlySpan<char> path) =>
        _protected is not null && path.Length > _workspace.Length && Covers(_workspace, path)
            ? path[(_workspace.Length + 1)..].ToString()
            : null;

    /// <summary>The entry of <paramref name="paths"/> that holds <paramref name="path"/>, or null.</summary>
    public static string? Holder(string path, IEnumerable<string> paths) => paths.FirstOrDefault(folder => Covers(folder, path));

    // Most paths are in none of their folders.
    private static bool IsSensitive(ReadOnlySpan<char> path) =>
        (path.StartsWith("/etc/") || path.StartsWith("/proc/")) && IsWithin(path, Sensitive);

    private static bool IsWithin(ReadOnlySpan<char> path, string[] folders)
    {
        foreach (string folder in folders)
        {
            if (Covers(folder, path))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Covers(string folder, ReadOnlySpan<char> path) =>
        path.StartsWith(folder) && (path.Length == folder.Length || path[folder.Length] == '/');
}
