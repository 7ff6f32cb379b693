using System.Globalization;
using System.Runtime.InteropServices;

namespace IsolatedAgents.Platform.Processes;

/// <summary>Tells processes apart. Linux.</summary>
internal static partial class ProcessIdentity
{
    // errno-base.h: no such process.
    private const int NoSuchProcess = 3;

    /// <summary>Whether a process has this number, also where its owner hides it.</summary>
    public static bool Exists(int pid) => kill(pid, 0) == 0 || Marshal.GetLastPInvokeError() != NoSuchProcess;

    /// <summary>When it started, in ticks since boot; null where that cannot be read.</summary>
    public static long? StartTicks(int pid)
    {
        // proc_pid_stat(5): field 22, counted behind the name's closing bracket, since a name may hold anything.
        const int FieldsFromState = 19;
        try
        {
            string text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
            string[] fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return long.Parse(fields[FieldsFromState], NumberStyles.None, CultureInfo.InvariantCulture);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);
}
