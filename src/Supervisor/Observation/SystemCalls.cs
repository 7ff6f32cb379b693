namespace IsolatedAgents.Supervisor.Observation;

/// <summary>Numbers of the system calls that are watched: Linux on x86-64, arch/x86/entry/syscalls/syscall_64.tbl.</summary>
internal static class SystemCalls
{
    public const int Open = 2;
    public const int Socket = 41;
    public const int Connect = 42;
    public const int SendTo = 44;
    public const int SendMessage = 46;
    public const int Bind = 49;
    public const int SocketPair = 53;
    public const int Clone = 56;
    public const int Execute = 59;
    public const int Truncate = 76;
    public const int Rename = 82;
    public const int MakeFolder = 83;
    public const int RemoveFolder = 84;
    public const int Create = 85;
    public const int Link = 86;
    public const int Unlink = 87;
    public const int SymbolicLink = 88;
    public const int ChangeMode = 90;
    public const int ChangeOwner = 92;
    public const int ChangeLinkOwner = 94;
    public const int MakeNode = 133;
    public const int Personality = 135;
    public const int OpenAt = 257;
    public const int MakeFolderAt = 258;
    public const int MakeNodeAt = 259;
    public const int ChangeOwnerAt = 260;
    public const int UnlinkAt = 263;
    public const int RenameAt = 264;
    public const int LinkAt = 265;
    public const int SymbolicLinkAt = 266;
    public const int ChangeModeAt = 268;
    public const int SendMessages = 307;
    public const int RenameAt2 = 316;
    public const int ExecuteAt = 322;
    public const int Clone3 = 435;
    public const int OpenAt2 = 437;
    public const int ChangeModeAt2 = 452;

    /// <summary>Calls that are told, or refused by their arguments, whatever these are.</summary>
    public static readonly int[] Watched =
    [
        Open,
        Connect,
        Bind,
        SendMessage,
        Execute,
        Truncate,
        Rename,
        MakeFolder,
        RemoveFolder,
        Create,
        Link,
        Unlink,
        SymbolicLink,
        ChangeMode,
        ChangeOwner,
        ChangeLinkOwner,
        MakeNode,
        OpenAt,
        MakeFolderAt,
        MakeNodeAt,
        ChangeOwnerAt,
        UnlinkAt,
        RenameAt,
        LinkAt,
        SymbolicLinkAt,
        ChangeModeAt,
        SendMessages,
        RenameAt2,
        ExecuteAt,
        OpenAt2,
        ChangeModeAt2,
    ];

    /// <summary>Calls that no agent may make, by number.</summary>
    public static readonly IReadOnlyDictionary<int, string> Denied = new Dictionary<int, string>
    {
        [101] = "ptrace",
        [103] = "syslog",
        [134] = "uselib",
        [153] = "vhangup",
        [154] = "modify_ldt",
        [155] = "pivot_root",
        [161] = "chroot",
        [163] = "acct",
        [164] = "settimeofday",
        [165] = "mount",
        [166] = "umount2",
        [167] = "swapon",
        [168] = "swapoff",
        [169] = "reboot",
        [170] = "sethostname",
        [171] = "setdomainname",
        [172] = "iopl",
        [173] = "ioperm",
        [175] = "init_module",
        [176] = "delete_module",
        [179] = "quotactl",
        [212] = "lookup_dcookie",
        [227] = "clock_settime",
        [246] = "kexec_load",
        [248] = "add_key",
        [249] = "request_key",
        [250] = "keyctl",
        [272] = "unshare",
        [298] = "perf_event_open",
        [300] = "fanotify_init",
        [303] = "name_to_handle_at",
        [304] = "open_by_handle_at",
        [308] = "setns",
        [310] = "process_vm_readv",
        [311] = "process_vm_writev",
        [312] = "kcmp",
        [313] = "finit_module",
        [320] = "kexec_file_load",
        [321] = "bpf",
        [323] = "userfaultfd",
        // Its operations would pass by every filter.
        [425] = "io_uring_setup",
        [426] = "io_uring_enter",
        [427] = "io_uring_register",
        [428] = "open_tree",
        [429] = "move_mount",
        [430] = "fsopen",
        [431] = "fsconfig",
        [432] = "fsmount",
        [433] = "fspick",
        [438] = "pidfd_getfd",
        [442] = "mount_setattr",
        [443] = "quotactl_fd",
        [447] = "memfd_secret",
    };
}
