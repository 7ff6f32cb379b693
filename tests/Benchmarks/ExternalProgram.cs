using System.Diagnostics;

namespace IsolatedAgents.Benchmarks;

/// <summary>Runs another program.</summary>
internal static class ExternalProgram
{
    /// <summary>
    /// Runs it with its output thrown away by the kernel, so that no reader of ours slows it down, and gives the time from start to end.
    /// </summary>
    /// <exception cref="InvalidOperationException">It did not end with exit code 0.</exception>
    public static async Task<TimeSpan> TimeAsync(CancellationToken cancellationToken, params string[] command)
    {
        ProcessStartInfo start = new("sh", ["-c", "exec \"$@\" >/dev/null", "sh", .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        };
        long began = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        string said = await process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        TimeSpan time = Stopwatch.GetElapsedTime(began);
        return process.ExitCode == 0
            ? time
            : throw new InvalidOperationException($"{string.Join(' ', command)} ended with exit code {process.ExitCode}: {said}");
    }

    /// <summary>Runs it and gives what it wrote.</summary>
    /// <exception cref="InvalidOperationException">It did not end with exit code 0.</exception>
    public static async Task<string> ReadAsync(CancellationToken cancellationToken, params string[] command)
    {
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? output.Trim()
            : throw new InvalidOperationException($"{string.Join(' ', command)} ended with exit code {process.ExitCode}: {await error}");
    }
}
