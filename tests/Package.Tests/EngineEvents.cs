using System.Diagnostics;
using System.Globalization;

namespace IsolatedAgents.Package.Tests;

/// <summary>What the engine itself says, asked by its own client.</summary>
internal static class EngineEvents
{
    /// <summary>When the engine removed a container. Removals since then count, so that none is missed.</summary>
    public static async Task<DateTimeOffset> RemovedAsync(string container, DateTimeOffset since, CancellationToken cancellationToken)
    {
        string from = since.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using Process events = Start(
            "events",
            "--since",
            from,
            "--filter",
            "event=destroy",
            "--filter",
            $"container={container}",
            "--format",
            "{{.TimeNano}}"
        );
        try
        {
            string line = await events.StandardOutput.ReadLineAsync(cancellationToken)
                ?? throw new InvalidOperationException("The engine's events ended.");
            return DateTimeOffset.UnixEpoch.AddTicks(long.Parse(line, CultureInfo.InvariantCulture) / TimeSpan.NanosecondsPerTick);
        }
        finally
        {
            events.Kill();
        }
    }

    /// <summary>Runs the client and gives what it wrote.</summary>
    public static async Task<string> RunAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        using Process process = Start(arguments);
        string output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        Assert.AreEqual(0, process.ExitCode);
        return output.Trim();
    }

    private static Process Start(params string[] arguments) =>
        Process.Start(new ProcessStartInfo("docker", arguments) { RedirectStandardOutput = true })!;
}
