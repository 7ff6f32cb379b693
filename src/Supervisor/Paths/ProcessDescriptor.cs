using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Paths;

/// <summary>
/// Descriptors of a process that has made itself one that others may not look into: the process file system then shows them to root alone,
/// and what looks at paths has the agent's rights.
/// </summary>
internal static class ProcessDescriptor
{
    /// <summary>
    /// Finds what a descriptor stands for by a copy of it. False, and the last error, where it has none, or the kernel does not give it:
    /// before 6.9 it does for a process's first thread alone.
    /// </summary>
    public static bool TryRead(int processId, int descriptor, PathBuffer path)
    {
        int process = (int)LibC.syscall(SystemCallPidfdOpen, processId, PidfdThread, 0, 0);
        if (process < 0 && Marshal.GetLastPInvokeError() == InvalidArgument)
        {
            process = (int)LibC.syscall(SystemCallPidfdOpen, processId, 0, 0, 0);
        }

        if (process < 0)
        {
            return false;
        }

        int copy = (int)LibC.syscall(SystemCallPidfdGetDescriptor, process, descriptor, 0, 0);
        int error = Marshal.GetLastPInvokeError();
        LibC.close(process);
        if (copy < 0)
        {
            Marshal.SetLastPInvokeError(error);
            return false;
        }

        bool isRead = KernelPath.TryReadOwn(copy, path);
        LibC.close(copy);
        return isRead;
    }
}
