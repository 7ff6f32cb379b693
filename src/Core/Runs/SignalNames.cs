using System.Globalization;

namespace IsolatedAgents.Runs;

/// <summary>signal(7) on x86-64 and arm64.</summary>
internal static class SignalNames
{
    public static string Name(int signal) =>
        signal switch
        {
            1 => "SIGHUP",
            2 => "SIGINT",
            3 => "SIGQUIT",
            4 => "SIGILL",
            5 => "SIGTRAP",
            6 => "SIGABRT",
            7 => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL",
            10 => "SIGUSR1",
            11 => "SIGSEGV",
            12 => "SIGUSR2",
            13 => "SIGPIPE",
            14 => "SIGALRM",
            15 => "SIGTERM",
            31 => "SIGSYS",
            _ => signal.ToString(CultureInfo.InvariantCulture),
        };
}
