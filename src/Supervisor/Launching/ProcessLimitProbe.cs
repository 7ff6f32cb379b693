using System.Globalization;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.ControlGroups;
using IsolatedAgents.Supervisor.Setup;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>
/// Fills the sandbox up with threads, which count as processes do, until the kernel refuses one more. All of them are gone before anything
/// else is started.
/// </summary>
/// <param name="controlGroup">Where they are counted.</param>
internal sealed class ProcessLimitProbe(ControlGroup controlGroup)
{
    // A thread takes some 40 microseconds, 70 where the machine is busy, and less than 64 KiB, stacks included: more would cost the run too
    // much of its time and memory.
    private const long MostThreads = 256;
    private const long ThreadBytes = 64 * 1024;
    private const int StackBytes = 16 * 1024;
    private const int MemoryShare = 4;
    private const int ReleaseMilliseconds = 5000;

    /// <summary>The result, for the audit log.</summary>
    /// <param name="limits">What is in force, as it was read.</param>
    /// <exception cref="SetupException">
    /// More processes than the limit allows could be made, or nobody counted the one that was refused.
    /// </exception>
    public string Try(ControlGroupLimits limits)
    {
        ResourceUsage before = controlGroup.ReadUsage();
        long left = limits.Pids - before.Pids;
        if (left > MostThreads || left * ThreadBytes > limits.MemoryBytes / MemoryShare)
        {
            return "in force, and counts this sandbox; too high to be filled up";
        }

        using ManualResetEventSlim over = new();
        List<Thread> threads = [];
        bool isRefused = false;
        try
        {
            // Whatever the engine lets run beside leaves room meanwhile, or takes it.
            while (!isRefused && threads.Count <= left + 1)
            {
                isRefused = !TryStart(over, threads);
            }
        }
        finally
        {
            over.Set();
            threads.ForEach(thread => thread.Join());
        }

        AwaitRelease(before.Pids);
        if (!isRefused)
        {
            throw Failure(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{before.Pids + threads.Count} processes were allowed, and the limit is {limits.Pids}"
                )
            );
        }

        if (controlGroup.ReadUsage().PidsDenied <= before.PidsDenied)
        {
            throw Failure("a process was refused, but not by this limit");
        }

        return string.Create(CultureInfo.InvariantCulture, $"process {limits.Pids + 1} was refused");
    }

    private static bool TryStart(ManualResetEventSlim over, List<Thread> threads)
    {
        Thread thread = new(over.Wait, StackBytes);
        try
        {
            thread.Start();
        }
        catch (Exception refusal) when (refusal is OutOfMemoryException or ThreadStartException)
        {
            return false;
        }

        threads.Add(thread);
        return true;
    }

    // A thread that has ended is counted for a moment more, and what is started next needs its place. The kernel tells nobody about it.
    private void AwaitRelease(long before)
    {
        long deadline = Environment.TickCount64 + ReleaseMilliseconds;
        while (controlGroup.ReadUsage().Pids > before)
        {
            if (Environment.TickCount64 > deadline)
            {
                throw Failure("processes that have ended are still counted");
            }

            Thread.Yield();
        }
    }

    private static SetupException Failure(string found) => new(SetupFailureKind.Probe, "Process limit", found);
}
