using System.Diagnostics;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>Programs of this machine that a test needs to set something up.</summary>
internal static class HostProgram
{
    /// <summary>Runs one, which must succeed: a control is never tried by halves.</summary>
    public static async Task RunAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        using Process process = Process.Start(program, arguments);
        await process.WaitForExitAsync(cancellationToken);
        Assert.AreEqual(
            0,
            process.ExitCode,
            $"'{program} {string.Join(' ', arguments)}' is needed to try a control of the sandbox, and failed."
        );
    }
}
