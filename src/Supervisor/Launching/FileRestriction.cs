using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>Restricts the agent's files by the kernel itself, whatever happens between a check and a call: landlock(7).</summary>
internal static unsafe class FileRestriction
{
    // include/uapi/linux/landlock.h: LANDLOCK_ACCESS_FS_*. Listing folders (READ_DIR, bit 3) is left to the kernel's own rules: names in an
    // image are no secret.
    private const ulong Execute = 1 << 0;
    private const ulong WriteFile = 1 << 1;
    private const ulong ReadFile = 1 << 2;
    private const ulong RemoveAndMake = 0x1FF0;
    private const ulong Refer = 1 << 13;
    private const ulong Truncate = 1 << 14;
    private const ulong DeviceControl = 1 << 15;
    private const ulong ForReading = Execute | ReadFile;
    private const ulong ForFiles = Execute | WriteFile | ReadFile | Truncate | DeviceControl;

    // LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and LANDLOCK_SCOPE_SIGNAL
    private const ulong Scopes = 3;
    private const int ReferVersion = 2;
    private const int TruncateVersion = 3;
    private const int NetworkVersion = 4;
    private const int DeviceControlVersion = 5;
    private const int ScopeVersion = 6;

    /// <summary>The version that the kernel offers; 0 where it has none.</summary>
    public static int Version => Math.Max(0, (int)LibC.syscall(SystemCallLandlockCreateRuleset, 0, 0, LandlockCreateRulesetVersion, 0));

    /// <summary>Puts the rules on the calling thread and all that comes of it, for good. Needs no_new_privs.</summary>
    public static void Install(int version, string[] readPaths, string[] writePaths)
    {
        ulong handled =
            ForReading
            | WriteFile
            | RemoveAndMake
            | (version >= ReferVersion ? Refer : 0)
            | (version >= TruncateVersion ? Truncate : 0)
            | (version >= DeviceControlVersion ? DeviceControl : 0);
        LandlockRulesetAttributes attributes = new() { HandledFileAccess = handled, Scoped = version >= ScopeVersion ? Scopes : 0 };
        // An older kernel takes no more than it knows.
        int size =
            version >= ScopeVersion ? 3 * sizeof(ulong)
            : version >= NetworkVersion ? 2 * sizeof(ulong)
            : sizeof(ulong);
        int ruleset = (int)LibC.syscall(SystemCallLandlockCreateRuleset, (nint)(&attributes), size, 0, 0);
        KernelException.ThrowIfFailed("landlock_create_ruleset", ruleset);
        foreach (string path in readPaths)
        {
            Allow(ruleset, path, handled & ForReading);
        }

        foreach (string path in writePaths)
        {
            Allow(ruleset, path, handled);
        }

        KernelException.ThrowIfFailed("landlock_restrict_self", (int)LibC.syscall(SystemCallLandlockRestrictSelf, ruleset, 0, 0, 0));
        LibC.close(ruleset);
    }

    private static void Allow(int ruleset, string path, ulong access)
    {
        int fd;
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            fd = LibC.open(pointer, OpenPath | OpenCloseOnExec, 0);
        }

        if (fd < 0)
        {
            // What an image does not have needs no rule, and gets none.
            return;
        }

        FileStatus status;
        KernelException.ThrowIfFailed("fstat", LibC.fstat(fd, &status));
        LandlockPathBeneath rule = new()
        {
            AllowedAccess = (status.Mode & TypeMask) == TypeDirectory ? access : access & ForFiles,
            ParentDescriptor = fd,
        };
        int result = (int)LibC.syscall(SystemCallLandlockAddRule, ruleset, LandlockRulePathBeneath, (nint)(&rule), 0);
        int error = Marshal.GetLastPInvokeError();
        LibC.close(fd);
        if (result < 0)
        {
            throw new KernelException($"landlock_add_rule for '{path}'", error);
        }
    }
}
