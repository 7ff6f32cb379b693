using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace IsolatedAgents.Policies.Probes;

/// <summary>
/// The built-in list of expected probes. Each entry is about something that is refused whatever the list says, and none about the network,
/// protected files, or files that run code.
/// </summary>
internal static class ExpectedProbes
{
    /// <summary>The list's version: it goes up whenever an entry comes, goes or changes.</summary>
    public const int Version = 1;

    /// <summary>
    /// So many different paths and calls of a run the list may explain; those behind them count as violations. A program that looks around
    /// needs few, and a search many.
    /// </summary>
    public const int MaxPerRun = 100;

    private static readonly ImmutableArray<string> Reading = ["read"];
    private static readonly ImmutableArray<string> Creating = ["create"];
    private static readonly ImmutableArray<string> Keeping = ["mkdir", "create", "write", "rename", "delete"];

    /// <summary>Every entry.</summary>
    public static ImmutableArray<ExpectedProbe> All { get; } =
    [
        new(
            "process-list",
            ViolationKind.Filesystem,
            Reading,
            ["/proc/1/environ", "/proc/1/maps", "/proc/1/task/*/stat", "/proc/1/task/*/status"],
            "ps, top, pgrep and lsof look at every process, the supervisor among them; its environment is empty"
        ),
        new("block-devices", ViolationKind.Filesystem, Reading, ["/sys/devices/**/block/**"], "lsblk and df look for disks"),
        new(
            "test-caches",
            ViolationKind.Filesystem,
            Keeping,
            [
                "/workspace/**/.pytest_cache",
                "/workspace/**/.pytest_cache/**",
                "/workspace/**/.mypy_cache",
                "/workspace/**/.mypy_cache/**",
                "/workspace/**/.ruff_cache",
                "/workspace/**/.ruff_cache/**",
            ],
            "pytest, mypy and ruff keep caches beside the source, and do without in a read-only workspace"
        ),
        new(
            "git-index-lock",
            ViolationKind.Filesystem,
            Creating,
            ["/workspace/**/.git/index.lock", "/workspace/**/.git/worktrees/*/index.lock", "/workspace/**/.git/modules/**/index.lock"],
            "git refreshes its index when it only looks, where GIT_OPTIONAL_LOCKS does not tell it otherwise"
        ),
        new(
            "editor-swap",
            ViolationKind.Filesystem,
            Creating,
            ["/workspace/**/.*.sw?", "/workspace/**/.*.swpx", "/workspace/**/4913"],
            "vi tries whether it can keep a swap file beside the file that it opens"
        ),
        new(
            "dotnet-sdk-probe",
            ViolationKind.Filesystem,
            ["create", "write"],
            ["/**/dotnet/metadata/????????.???"],
            "the .NET SDK tries whether it can write to its own folder"
        ),
        new(
            "socket-list",
            ViolationKind.Process,
            [],
            ["socket(AF_NETLINK, type 3, protocol 4)", "socket(AF_NETLINK, type 2, protocol 4)"],
            "ss asks the kernel for sockets, and reads /proc/net instead"
        ),
    ];

    /// <summary>SHA-256 of the list, in lower-case hex: an attestation names by it what was not counted.</summary>
    public static string Sha256 { get; } =
        Convert.ToHexStringLower(
            SHA256.HashData(
                Encoding.UTF8.GetBytes(
                    string.Join(
                        '\n',
                        All.Select(probe =>
                                string.Join(
                                    '\t',
                                    [probe.Name, ViolationKinds.Name(probe.Kind), string.Join(' ', probe.Operations), .. probe.Patterns]
                                )
                            )
                            .Prepend($"version {Version}")
                    )
                )
            )
        );

    /// <summary>How events name an entry: <c>builtin:NAME@VERSION</c>.</summary>
    public static string Reference(ExpectedProbe probe) => $"builtin:{probe.Name}@{Version}";
}
