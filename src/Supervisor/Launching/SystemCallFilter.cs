using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Observation;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>
/// The agent's own seccomp filter, on top of the engine's: it holds whatever profile the engine was given or left without. It decides
/// nothing by itself: what it watches fails unless the supervisor says otherwise. Linux on x86-64; numbers from
/// arch/x86/entry/syscalls/syscall_64.tbl.
/// </summary>
internal static unsafe class SystemCallFilter
{
    // include/uapi/linux/audit.h, seccomp.h, bpf_common.h
    private const uint ArchitectureX64 = 0xC000003E;
    private const uint X32Bit = 0x40000000;
    private const uint ReturnAllow = 0x7FFF0000;
    private const uint ReturnError = 0x00050000;
    private const uint ReturnNotify = SeccompReturnUserNotification;
    private const ushort LoadWord = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort JumpIfGreaterOrEqual = 0x35;
    private const ushort JumpIfSet = 0x45;
    private const ushort And = 0x54;
    private const ushort Return = 0x06;

    // struct seccomp_data: nr, arch, instruction pointer, six arguments.
    private const uint NumberOffset = 0;
    private const uint ArchitectureOffset = 4;
    private const uint Argument0Offset = 16;
    private const uint Argument1Offset = 24;
    private const uint Argument2Offset = 32;
    private const uint Argument4Offset = 48;

    // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (include/uapi/linux/sched.h).
    private const uint NewNamespaceFlags = 0x7E020000;

    // include/linux/socket.h, include/linux/net.h; AF_NETLINK for interface lists alone.
    private const uint SocketTypeBits = 0xF;
    private const uint SocketRaw = 3;
    private const uint NetlinkFamily = 16;
    private const uint NetlinkRoute = 0;

    /// <summary>Puts the filter on the calling thread, for good. Needs no_new_privs.</summary>
    /// <returns>The descriptor on which the kernel asks about the calls that are watched. Until somebody answers, they wait.</returns>
    public static int Install()
    {
        FilterInstruction[] instructions = Build();
        fixed (FilterInstruction* pointer = instructions)
        {
            FilterProgram program = new() { Length = (ushort)instructions.Length, Instructions = pointer };
            // A signal must not break off what is being looked at: programs do not expect open(2) to be interrupted. Kernels before 5.19
            // cannot promise that.
            int listener = (int)
                LibC.syscall(
                    SystemCallSeccomp,
                    SeccompSetModeFilter,
                    SeccompFilterNewListener | SeccompFilterWaitKillable,
                    (nint)(&program),
                    0
                );
            if (listener < 0 && Marshal.GetLastPInvokeError() == InvalidArgument)
            {
                listener = (int)LibC.syscall(SystemCallSeccomp, SeccompSetModeFilter, SeccompFilterNewListener, (nint)(&program), 0);
            }

            KernelException.ThrowIfFailed("seccomp with a listener", listener);
            return listener;
        }
    }

    internal static FilterInstruction[] Build()
    {
        List<FilterInstruction> program =
        [
            new(LoadWord, 0, 0, ArchitectureOffset),
            new(JumpIfEqual, 1, 0, ArchitectureX64),
            new(Return, 0, 0, ReturnNotify),
            new(LoadWord, 0, 0, NumberOffset),
            new(JumpIfGreaterOrEqual, 0, 1, X32Bit),
            new(Return, 0, 0, ReturnNotify),
            // The flags of clone3 lie in memory that a filter cannot read; libraries fall back to clone.
            new(JumpIfEqual, 0, 1, SystemCalls.Clone3),
            new(Return, 0, 0, ReturnError | NotImplemented),
            .. AskUnlessFolder(SystemCalls.OpenAt, Argument2Offset),
            .. AskUnlessFolder(SystemCalls.Open, Argument1Offset),
        ];
        foreach (int number in SystemCalls.Watched.Except([SystemCalls.OpenAt, SystemCalls.Open]).Concat(SystemCalls.Denied.Keys))
        {
            program.Add(new(JumpIfEqual, 0, 1, (uint)number));
            program.Add(new(Return, 0, 0, ReturnNotify));
        }

        program.AddRange([
            // Without an address of its own, a message goes where its socket was connected to.
            new(JumpIfEqual, 0, 6, SystemCalls.SendTo),
            new(LoadWord, 0, 0, Argument4Offset),
            new(JumpIfEqual, 0, 2, 0),
            new(LoadWord, 0, 0, Argument4Offset + sizeof(uint)),
            new(JumpIfEqual, 1, 0, 0),
            new(Return, 0, 0, ReturnNotify),
            new(Return, 0, 0, ReturnAllow),
            new(JumpIfEqual, 0, 4, SystemCalls.Clone),
            new(LoadWord, 0, 0, Argument0Offset),
            new(JumpIfSet, 0, 1, NewNamespaceFlags),
            new(Return, 0, 0, ReturnNotify),
            new(Return, 0, 0, ReturnAllow),
            new(JumpIfEqual, 0, 5, SystemCalls.Personality),
            new(LoadWord, 0, 0, Argument0Offset),
            new(JumpIfEqual, 2, 0, 0),
            new(JumpIfEqual, 1, 0, uint.MaxValue),
            new(Return, 0, 0, ReturnNotify),
            new(Return, 0, 0, ReturnAllow),
            new(JumpIfEqual, 2, 0, SystemCalls.Socket),
            new(JumpIfEqual, 1, 0, SystemCalls.SocketPair),
            new(Return, 0, 0, ReturnAllow),
            new(LoadWord, 0, 0, Argument0Offset),
            new(JumpIfEqual, 0, 1, AddressFamilyUnix),
            new(Return, 0, 0, ReturnAllow),
            new(JumpIfEqual, 6, 0, AddressFamilyInternet),
            new(JumpIfEqual, 5, 0, AddressFamilyInternet6),
            new(JumpIfEqual, 0, 3, NetlinkFamily),
            new(LoadWord, 0, 0, Argument2Offset),
            new(JumpIfEqual, 0, 1, NetlinkRoute),
            new(Return, 0, 0, ReturnAllow),
            new(Return, 0, 0, ReturnNotify),
            new(LoadWord, 0, 0, Argument1Offset),
            new(And, 0, 0, SocketTypeBits),
            new(JumpIfEqual, 0, 1, SocketRaw),
            new(Return, 0, 0, ReturnNotify),
            new(Return, 0, 0, ReturnAllow),
        ]);
        return [.. program];
    }

    // To list a folder, or to hold a place without its content, is nothing to tell: names in an image are no secret, and what is opened
    // through it is judged then.
    private static FilterInstruction[] AskUnlessFolder(int number, uint flagsOffset) =>
        [
            new(JumpIfEqual, 0, 5, (uint)number),
            new(LoadWord, 0, 0, flagsOffset),
            new(JumpIfSet, 1, 0, OpenAccessMode | OpenCreate | OpenTruncate | OpenTemporaryFile),
            new(JumpIfSet, 1, 0, OpenPath | OpenDirectory),
            new(Return, 0, 0, ReturnNotify),
            new(Return, 0, 0, ReturnAllow),
        ];
}
