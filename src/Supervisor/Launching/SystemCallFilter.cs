using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>
/// The agent's own seccomp filter, on top of the engine's: it holds whatever profile the engine was given or left without.
/// Linux on x86-64; numbers from arch/x86/entry/syscalls/syscall_64.tbl.
/// </summary>
internal static unsafe class SystemCallFilter
{
    // include/uapi/linux/audit.h, seccomp.h, bpf_common.h
    private const uint ArchitectureX64 = 0xC000003E;
    private const uint X32Bit = 0x40000000;
    private const uint ReturnAllow = 0x7FFF0000;
    private const uint ReturnError = 0x00050000;
    private const ushort LoadWord = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort JumpIfGreaterOrEqual = 0x35;
    private const ushort JumpIfSet = 0x45;
    private const ushort Return = 0x06;

    // struct seccomp_data: nr, arch, instruction pointer, six arguments.
    private const uint NumberOffset = 0;
    private const uint ArchitectureOffset = 4;
    private const uint Argument0Offset = 16;
    private const uint Argument2Offset = 32;

    private const uint Clone = 56;
    private const uint Clone3 = 435;
    private const uint Socket = 41;
    private const uint SocketPair = 53;
    private const uint Personality = 135;

    // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (include/uapi/linux/sched.h).
    private const uint NewNamespaceFlags = 0x7E020000;

    // AF_UNIX, AF_INET, AF_INET6 (include/linux/socket.h); AF_NETLINK for interface lists alone.
    private static readonly uint[] AllowedFamilies = [1, 2, 10];
    private const uint NetlinkFamily = 16;
    private const uint NetlinkRoute = 0;

    private static readonly uint[] Denied =
    [
        101, // ptrace
        103, // syslog
        134, // uselib
        153, // vhangup
        154, // modify_ldt
        155, // pivot_root
        161, // chroot
        163, // acct
        164, // settimeofday
        165, // mount
        166, // umount2
        167, // swapon
        168, // swapoff
        169, // reboot
        170, // sethostname
        171, // setdomainname
        172, // iopl
        173, // ioperm
        175, // init_module
        176, // delete_module
        179, // quotactl
        212, // lookup_dcookie
        227, // clock_settime
        246, // kexec_load
        248, // add_key
        249, // request_key
        250, // keyctl
        272, // unshare
        298, // perf_event_open
        300, // fanotify_init
        303, // name_to_handle_at
        304, // open_by_handle_at
        308, // setns
        310, // process_vm_readv
        311, // process_vm_writev
        312, // kcmp
        313, // finit_module
        320, // kexec_file_load
        321, // bpf
        323, // userfaultfd
        425, // io_uring_setup: its operations would pass by every filter
        426, // io_uring_enter
        427, // io_uring_register
        428, // open_tree
        429, // move_mount
        430, // fsopen
        431, // fsconfig
        432, // fsmount
        433, // fspick
        438, // pidfd_getfd
        442, // mount_setattr
        443, // quotactl_fd
        447, // memfd_secret
    ];

    /// <summary>Puts the filter on the calling thread, for good. Needs no_new_privs.</summary>
    public static void Install()
    {
        FilterInstruction[] instructions = Build();
        fixed (FilterInstruction* pointer = instructions)
        {
            FilterProgram program = new() { Length = (ushort)instructions.Length, Instructions = pointer };
            KernelException.ThrowIfFailed("seccomp", LibC.prctl(PrctlSetSeccomp, SeccompModeFilter, (nuint)(&program), 0, 0));
        }
    }

    /// <summary>Whether the filter answers: a call that it must deny was denied by it, and the kernel counts a filter.</summary>
    public static bool IsInForce() =>
        LibC.prctl(PrctlGetSeccomp, 0, 0, 0, 0) == SeccompModeFilter
        && LibC.syscall(SystemCallIoUringSetup, 0, 0, 0) < 0
        && Marshal.GetLastPInvokeError() == NotPermitted;

    internal static FilterInstruction[] Build()
    {
        List<FilterInstruction> program =
        [
            new(LoadWord, 0, 0, ArchitectureOffset),
            new(JumpIfEqual, 1, 0, ArchitectureX64),
            new(Return, 0, 0, ReturnError | NotPermitted),
            new(LoadWord, 0, 0, NumberOffset),
            new(JumpIfGreaterOrEqual, 0, 1, X32Bit),
            new(Return, 0, 0, ReturnError | NotPermitted),
            // The flags of clone3 lie in memory that a filter cannot read; libraries fall back to clone.
            new(JumpIfEqual, 0, 1, Clone3),
            new(Return, 0, 0, ReturnError | NotImplemented),
        ];
        foreach (uint number in Denied)
        {
            program.Add(new(JumpIfEqual, 0, 1, number));
            program.Add(new(Return, 0, 0, ReturnError | NotPermitted));
        }

        program.AddRange(
        [
            new(JumpIfEqual, 0, 4, Clone),
            new(LoadWord, 0, 0, Argument0Offset),
            new(JumpIfSet, 0, 1, NewNamespaceFlags),
            new(Return, 0, 0, ReturnError | NotPermitted),
            new(Return, 0, 0, ReturnAllow),
            new(JumpIfEqual, 0, 5, Personality),
            new(LoadWord, 0, 0, Argument0Offset),
            new(JumpIfEqual, 2, 0, 0),
            new(JumpIfEqual, 1, 0, uint.MaxValue),
            new(Return, 0, 0, ReturnError | NotPermitted),
            new(Return, 0, 0, ReturnAllow),
            new(JumpIfEqual, 2, 0, Socket),
            new(JumpIfEqual, 1, 0, SocketPair),
            new(Return, 0, 0, ReturnAllow),
            new(LoadWord, 0, 0, Argument0Offset),
        ]);
        foreach (uint family in AllowedFamilies)
        {
            program.Add(new(JumpIfEqual, 0, 1, family));
            program.Add(new(Return, 0, 0, ReturnAllow));
        }

        program.AddRange(
        [
            new(JumpIfEqual, 0, 3, NetlinkFamily),
            new(LoadWord, 0, 0, Argument2Offset),
            new(JumpIfEqual, 0, 1, NetlinkRoute),
            new(Return, 0, 0, ReturnAllow),
            new(Return, 0, 0, ReturnError | AddressFamilyNotSupported),
        ]);
        return [.. program];
    }
}
