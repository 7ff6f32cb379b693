namespace IsolatedAgents.Supervisor.Interop;

/// <summary>Numbers of the kernel's interface on x86-64, under their kernel names' meaning.</summary>
internal static class KernelConstants
{
    // include/uapi/asm-generic/errno-base.h, errno.h
    public const int NoEntry = 2;
    public const int Interrupted = 4;
    public const int BadDescriptor = 9;
    public const int TryAgain = 11;
    public const int AccessDenied = 13;
    public const int NotPermitted = 1;
    public const int InvalidArgument = 22;
    public const int TooManyLinks = 40;
    public const int ConnectionRefused = 111;
    public const int NetworkUnreachable = 101;
    public const int ReadOnlyFileSystem = 30;
    public const int NoChild = 10;
    public const int NotDirectory = 20;
    public const int NotImplemented = 38;
    public const int AddressInUse = 98;
    public const int AddressNotAvailable = 99;
    public const int Exists = 17;
    public const int AddressFamilyNotSupported = 97;
    public const int OperationNotSupported = 95;
    public const int TimedOut = 110;
    public const int InProgress = 115;

    // include/uapi/asm-generic/fcntl.h
    public const int OpenReadOnly = 0;
    public const int OpenAccessMode = 3;
    public const int OpenCreate = 0x40;
    public const int OpenExclusive = 0x80;
    public const int OpenTruncate = 0x200;
    public const int OpenNonBlocking = 0x800;
    public const int OpenPath = 0x200000;
    public const int OpenTemporaryFile = 0x400000;
    public const int EmptyPath = 0x1000;
    public const int FollowLink = 0x400;
    public const int OpenDirectory = 0x10000;
    public const int OpenNoFollow = 0x20000;
    public const int OpenCloseOnExec = 0x80000;
    public const int SetDescriptorFlags = 2;
    public const int GetStatusFlags = 3;
    public const int SetStatusFlags = 4;
    public const int SetPipeSize = 1031;
    public const int CloseOnExec = 1;
    public const int CurrentDirectory = -100;
    public const int NoFollow = 0x100;

    // include/linux/socket.h, include/linux/net.h; SOCK_CLOEXEC is O_CLOEXEC
    public const int AddressFamilyUnix = 1;
    public const int AddressFamilyUnspecified = 0;
    public const int AddressFamilyInternet = 2;
    public const int AddressFamilyInternet6 = 10;
    public const int SocketDatagram = 2;
    public const int SocketStream = 1;

    public const int AddressFamilyNetlink = 16;
    public const int SocketRaw = 3;
    public const int MessageOutOfBand = 1;
    public const int MessageNoSignal = 0x4000;
    public const int ShutdownWrite = 1;
    public const int ShutdownBoth = 2;

    // include/uapi/linux/tcp.h
    public const int TcpNoDelay = 1;

    // include/uapi/asm-generic/socket.h, include/linux/socket.h
    public const int SocketLevel = 1;
    public const int SocketReuseAddress = 2;
    public const int SocketType = 3;
    public const int SocketError = 4;
    public const int SocketUrgentInline = 10;
    public const int SocketProtocol = 38;
    public const int SocketLinger = 13;
    public const int RightsMessage = 1;

    // include/uapi/asm-generic/sockios.h: SIOCATMARK
    public const uint SocketIsAtMark = 0x8905;

    // include/uapi/linux/in.h, in6.h, tcp.h
    public const int ProtocolTcp = 6;
    public const int ProtocolMultipathTcp = 262;
    public const int InternetLevel = 0;
    public const int InternetFreeBind = 15;
    public const int Internet6Level = 41;
    public const int Internet6Only = 26;
    public const int Internet6FreeBind = 78;

    // include/uapi/linux/eventpoll.h
    public const int EpollAdd = 1;
    public const int EpollRemove = 2;
    public const int EpollModify = 3;
    public const uint EpollIn = 1;
    public const uint EpollOut = 4;
    public const uint EpollError = 8;
    public const uint EpollHangUp = 16;

    // include/uapi/asm-generic/poll.h
    public const short PollIn = 1;
    public const short PollOut = 4;
    public const short PollError = 8;
    public const short PollHangUp = 16;

    // include/uapi/linux/pidfd.h
    public const int PidfdThread = OpenExclusive;

    // include/uapi/asm-generic/signal.h
    public const int SignalKill = 9;
    public const int SignalPipe = 13;
    public const int SignalTerminate = 15;
    public const int SignalChild = 17;
    public const int MaskBlock = 0;
    public const int MaskSet = 2;
    public const nint SignalDefault = 0;
    public const nint SignalIgnore = 1;

    // include/uapi/linux/wait.h
    public const int WaitNoHang = 1;

    // include/uapi/linux/prctl.h
    public const int PrctlSetDumpable = 4;
    public const int PrctlGetSeccomp = 21;
    public const int PrctlSetSeccomp = 22;
    public const int PrctlSetNoNewPrivileges = 38;
    public const int PrctlGetNoNewPrivileges = 39;
    public const int PrctlCapabilityAmbient = 47;
    public const int CapabilityAmbientClearAll = 4;

    // include/uapi/linux/seccomp.h
    public const int SeccompModeFilter = 2;
    public const int SeccompSetModeFilter = 1;
    public const int SeccompFilterNewListener = 8;
    public const int SeccompFilterWaitKillable = 32;
    public const uint SeccompNotifyReceive = 0xC050_2100;
    public const uint SeccompNotifySend = 0xC018_2101;
    public const uint SeccompNotifyIsValid = 0x4008_2102;
    public const uint SeccompNotifyAddDescriptor = 0x4018_2103;
    public const uint SeccompAddDescriptorSend = 2;
    public const uint SeccompNotifySetFlags = 0x4008_2104;
    public const uint SeccompNotifySynchronousWakeUp = 1;
    public const uint SeccompResponseContinue = 1;
    public const int SeccompGetActionAvailable = 2;
    public const uint SeccompReturnUserNotification = 0x7FC0_0000;

    // include/uapi/asm-generic/resource.h
    public const int LimitCore = 4;

    // include/uapi/linux/capability.h
    public const uint CapabilityVersion3 = 0x20080522;
    public const int CapabilityNetworkAdministration = 12;
    public const int CapabilityChangeOwner = 0;

    // include/uapi/linux/stat.h
    public const uint TypeMask = 0xF000;
    public const uint TypeDirectory = 0x4000;
    public const uint TypeRegular = 0x8000;
    public const uint TypeLink = 0xA000;

    // include/uapi/linux/magic.h
    public const long TmpfsMagic = 0x01021994;

    // include/uapi/linux/ptrace.h
    public const int PtraceAttach = 16;

    // arch/x86/entry/syscalls/syscall_64.tbl
    public const int SystemCallGetDents64 = 217;
    public const int SystemCallCapGet = 125;
    public const int SystemCallCapSet = 126;
    public const int SystemCallCloseRange = 436;
    public const int SystemCallPtrace = 101;
    public const int SystemCallSeccomp = 317;
    public const int SystemCallLandlockCreateRuleset = 444;
    public const int SystemCallLandlockAddRule = 445;
    public const int SystemCallLandlockRestrictSelf = 446;
    public const int SystemCallPidfdOpen = 434;
    public const int SystemCallOpenAt2 = 437;
    public const int SystemCallPidfdGetDescriptor = 438;
    public const int CloseRangeCloseOnExec = 4;

    // include/uapi/linux/landlock.h
    public const int LandlockCreateRulesetVersion = 1;
    public const int LandlockRulePathBeneath = 1;

    // include/uapi/linux/openat2.h
    public const ulong ResolveNoMagicLinks = 2;
    public const ulong ResolveNoSymbolicLinks = 4;
}
