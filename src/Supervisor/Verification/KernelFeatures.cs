using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Verification;

/// <summary>Finds out what the kernel offers in this sandbox: an engine's own filter may deny what the kernel has.</summary>
internal static unsafe class KernelFeatures
{
    public static Hello Describe(int controlGroupVersion)
    {
        int landlock = (int)LibC.syscall(SystemCallLandlockCreateRuleset, 0, 0, LandlockCreateRulesetVersion, 0);
        uint action = SeccompReturnUserNotification;
        bool hasNotification = LibC.syscall(SystemCallSeccomp, SeccompGetActionAvailable, 0, (nint)(&action), 0) == 0;
        return new Hello(
            File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
            controlGroupVersion,
            Math.Max(0, landlock),
            hasNotification
        );
    }
}
