using System.Runtime.InteropServices;

namespace IsolatedAgents.Supervisor.Interop;

/// <summary>A system call failed where it must not.</summary>
internal sealed class KernelException(string call, int error) : Exception($"{call}: {ErrorName(error)}")
{
    /// <summary>The kernel's error number.</summary>
    public int Error { get; } = error;

    public static void ThrowIfFailed(string call, int result)
    {
        if (result < 0)
        {
            throw new KernelException(call, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>The name a person knows an error number by.</summary>
    public static string ErrorName(int error) =>
        error switch
        {
            1 => "operation not permitted (EPERM)",
            2 => "no such file or directory (ENOENT)",
            7 => "argument list too long (E2BIG)",
            8 => "not an executable format (ENOEXEC)",
            11 => "resource temporarily unavailable (EAGAIN)",
            12 => "out of memory (ENOMEM)",
            13 => "permission denied (EACCES)",
            20 => "not a directory (ENOTDIR)",
            22 => "invalid argument (EINVAL)",
            24 => "too many open files (EMFILE)",
            28 => "no space left (ENOSPC)",
            38 => "not available in this kernel (ENOSYS)",
            40 => "too many symbolic links (ELOOP)",
            _ => $"error {error}",
        };
}
