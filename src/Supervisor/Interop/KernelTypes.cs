using System.Runtime.InteropServices;

namespace IsolatedAgents.Supervisor.Interop;

/// <summary>struct pollfd, include/uapi/asm-generic/poll.h</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor
{
    public int Fd;
    public short Events;
    public short Returned;
}

/// <summary>struct stat, arch/x86/include/uapi/asm/stat.h (x86-64)</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FileStatus
{
    public ulong Device;
    public ulong Inode;
    public ulong Links;
    public uint Mode;
    public uint UserId;
    public uint GroupId;
    public uint Padding;
    public ulong SpecialDevice;
    public long Size;
    public long BlockSize;
    public long Blocks;
    public fixed long AccessAndModificationTime[4];
    public long ChangedSeconds;
    public long ChangedNanoseconds;
    public fixed long Unused[3];
}

/// <summary>struct statfs, include/uapi/asm-generic/statfs.h (64-bit words)</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FileSystemStatus
{
    public long Type;
    public long BlockSize;
    public ulong Blocks;
    public ulong BlocksFree;
    public ulong BlocksAvailable;
    public ulong Files;
    public ulong FilesFree;
    public long Id;
    public long NameLength;
    public long FragmentSize;
    public long Flags;
    public fixed long Spare[4];
}

/// <summary>sigset_t of the C library, 1,024 bits</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SignalSet
{
    public fixed ulong Bits[16];
}

/// <summary>struct rlimit, include/uapi/linux/resource.h (64-bit words)</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ResourceLimit
{
    public ulong Current;
    public ulong Maximum;
}

/// <summary>posix_spawn_file_actions_t: opaque, 80 bytes in the C libraries of Linux; larger is harmless</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SpawnFileActions
{
    public fixed ulong Opaque[32];
}

/// <summary>struct sock_filter, include/uapi/linux/filter.h</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FilterInstruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Operand);

/// <summary>struct sock_fprog, include/uapi/linux/filter.h</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FilterProgram
{
    public ushort Length;
    public FilterInstruction* Instructions;
}

/// <summary>struct __user_cap_header_struct, include/uapi/linux/capability.h</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CapabilityHeader
{
    public uint Version;
    public int ProcessId;
}

/// <summary>Two of struct __user_cap_data_struct, include/uapi/linux/capability.h (version 3)</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CapabilitySets
{
    public fixed uint Words[6];
}

/// <summary>struct seccomp_notif with its struct seccomp_data, include/uapi/linux/seccomp.h</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SystemCallNotification
{
    public ulong Id;
    public uint ProcessId;
    public uint Flags;
    public int Number;
    public uint Architecture;
    public ulong InstructionPointer;
    public fixed ulong Arguments[6];
}

/// <summary>struct seccomp_notif_resp, include/uapi/linux/seccomp.h</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SystemCallResponse
{
    public ulong Id;
    public long Value;
    public int Error;
    public uint Flags;
}

/// <summary>struct seccomp_notif_addfd, include/uapi/linux/seccomp.h</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SystemCallDescriptor
{
    public ulong Id;
    public uint Flags;
    public uint Source;
    public uint Wanted;
    public uint DescriptorFlags;
}

/// <summary>struct iovec, include/uapi/linux/uio.h</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MemoryRange
{
    public nuint Address;
    public nuint Length;
}

/// <summary>struct open_how, include/uapi/linux/openat2.h</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OpenHow
{
    public ulong Flags;
    public ulong Mode;
    public ulong Resolve;
}

/// <summary>struct landlock_ruleset_attr, include/uapi/linux/landlock.h (version 6)</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LandlockRulesetAttributes
{
    public ulong HandledFileAccess;
    public ulong HandledNetworkAccess;
    public ulong Scoped;
}

/// <summary>struct landlock_path_beneath_attr, include/uapi/linux/landlock.h; packed</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct LandlockPathBeneath
{
    public ulong AllowedAccess;
    public int ParentDescriptor;
}

/// <summary>struct epoll_event, include/uapi/linux/eventpoll.h; packed on x86-64</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct EpollEvent
{
    public uint Events;
    public int Fd;
    public int Unused;
}

/// <summary>struct user_msghdr, include/linux/socket.h</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SocketMessage
{
    public byte* Name;
    public int NameLength;
    public MemoryRange* Ranges;
    public nuint RangeCount;
    public void* Control;
    public nuint ControlLength;
    public int Flags;
}

/// <summary>struct cmsghdr with one descriptor, include/linux/socket.h: SCM_RIGHTS</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DescriptorMessage
{
    public nuint Length;
    public int Level;
    public int Type;
    public int Fd;
    public int Padding;
}
