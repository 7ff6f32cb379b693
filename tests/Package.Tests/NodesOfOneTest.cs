using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace IsolatedAgents.Package.Tests;

/// <summary>
/// Build nodes that stay after a build, told apart from everybody else's on the machine by a salt of their own; those that are still there
/// at the end are ended.
/// </summary>
internal sealed class NodesOfOneTest : IDisposable
{
    private readonly string _salt = Guid.NewGuid().ToString("N");

    public NodesOfOneTest(ConsumerProject project)
    {
        project.Environment["MSBUILDNODEHANDSHAKESALT"] = _salt;
        project.Environment["MSBUILDDISABLENODEREUSE"] = null;
        project.Environment["MSBUILDNOINPROCNODE"] = "1";
    }

    /// <summary>Process ids of the nodes that are there.</summary>
    public int[] Ids() =>
        [
            .. Directory
                .EnumerateDirectories("/proc")
                .Select(folder =>
                    int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : 0
                )
                .Where(id =>
                    id > 0
                    && Read(id, "environ").Contains($"MSBUILDNODEHANDSHAKESALT={_salt}\0", StringComparison.Ordinal)
                    && Read(id, "cmdline").Contains("nodemode", StringComparison.Ordinal)
                ),
        ];

    /// <summary>Completes when none is left, or when the time is over.</summary>
    public async Task WhenGoneAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(time);
        try
        {
            foreach (int id in Ids())
            {
                using Process process = Process.GetProcessById(id);
                await process.WaitForExitAsync(deadline.Token);
            }
        }
        catch (ArgumentException)
        {
            // It went while we looked; whoever waits for none looks again.
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Still there, as the caller will see.
        }
    }

    public void Dispose()
    {
        foreach (int id in Ids())
        {
            try
            {
                using Process process = Process.GetProcessById(id);
                process.Kill();
            }
            catch (ArgumentException)
            {
                // It went by itself.
            }
        }
    }

    private static string Read(int id, string file)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{id}/{file}"));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Ended while we looked, or not ours.
            return "";
        }
    }
}
