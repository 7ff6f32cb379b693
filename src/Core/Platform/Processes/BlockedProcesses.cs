using System.Globalization;
using IsolatedAgents.Text;

namespace IsolatedAgents.Platform.Processes;

/// <summary>
/// The processes of a container that the kernel does not let go of, as where the server of a file system never answers: not even SIGKILL
/// ends them before the wait does. They are seen where the engine runs on this very machine.
/// </summary>
internal static class BlockedProcesses
{
    private const int MaxTold = 5;

    /// <summary>
    /// Names them, with the kernel function that each waits in where it may be known. Empty where there are none to be seen.
    /// </summary>
    public static string Describe(string containerId)
    {
        const string processes = "/proc";
        if (!Directory.Exists(processes))
        {
            return "";
        }

        string[] blocked =
        [
            .. Directory
                .EnumerateDirectories(processes)
                .Where(folder => char.IsAsciiDigit(Path.GetFileName(folder)[0]))
                .Where(folder => TryRead(folder, "cgroup").Contains(containerId, StringComparison.Ordinal))
                .SelectMany(folder => Threads(folder).Select(thread => Describe(Path.GetFileName(folder), thread)).OfType<string>().Take(1))
                .Take(MaxTold),
        ];
        return string.Join(", ", blocked);
    }

    private static string[] Threads(string folder)
    {
        try
        {
            return Directory.GetDirectories(Path.Combine(folder, "task"));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    // proc(5): the state follows the name, which is in brackets and may hold any character; D is a wait that nothing interrupts.
    private static string? Describe(string processId, string thread)
    {
        string stat = TryRead(thread, "stat");
        int nameEnd = stat.LastIndexOf(')');
        if (nameEnd < 0 || !stat.AsSpan(nameEnd).StartsWith(") D ", StringComparison.Ordinal))
        {
            return null;
        }

        string name = UntrustedText.Display(stat[(stat.IndexOf('(', StringComparison.Ordinal) + 1)..nameEnd]);
        string wait = TryRead(thread, "wchan");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"process {processId} ({name}) waits {(wait is "" or "0" ? "in the kernel" : $"in the kernel's {wait}")}"
        );
    }

    // A process may end at any time, and one of another user's may not be asked everything.
    private static string TryRead(string folder, string name)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, name));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
