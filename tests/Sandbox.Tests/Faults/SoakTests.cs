using System.Diagnostics;
using System.Globalization;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>
/// C3 10, 11, 27 and 50: many runs of one process, two at a time, lose no byte, and leave nothing. With IA_SOAK_RUNS the number of runs;
/// 500 take some minutes.
/// </summary>
[TestClass]
[DoNotParallelize]
public sealed class SoakTests(TestContext context)
{
    private const int HourMilliseconds = 3_600_000;

    private static readonly int Runs = int.Parse(Environment.GetEnvironmentVariable("IA_SOAK_RUNS") ?? "40", CultureInfo.InvariantCulture);

    // What the runtime compiles and keeps once is no leak.
    private static readonly int WarmUp = Math.Max(10, Runs / 5);

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "C3-50")]
    [Timeout(HourMilliseconds, CooperativeCancellation = true)]
    [DataRow(TransportKind.Socket, DeliveryKind.Mount)]
    [DataRow(TransportKind.Attach, DeliveryKind.Copy)]
    public async Task ManyRuns_LeaveTheProcessAndTheMachineAsTheyWere(TransportKind transport, DeliveryKind delivery)
    {
        await RunAsync(WarmUp, transport, delivery);
        Footprint before = await Footprint.TakeAsync(Token);
        await RunAsync(Runs, transport, delivery);
        Footprint after = await Footprint.TakeAsync(Token);
        context.WriteLine($"before: {before}");
        context.WriteLine($"after {Runs}: {after}");
        // The machine's own programs may take away what is theirs meanwhile.
        Assert.IsLessThanOrEqualTo(before.Containers, after.Containers);
        Assert.IsLessThanOrEqualTo(before.Volumes, after.Volumes);
        Assert.IsLessThanOrEqualTo(before.Mounts, after.Mounts);
        Assert.IsLessThanOrEqualTo(before.TemporaryEntries, after.TemporaryEntries);
        // The pools of connections and of threads breathe; a leak would be one a run.
        Assert.IsLessThan(before.Descriptors + 8, after.Descriptors);
        Assert.IsLessThan(before.Threads + 8, after.Threads);
        Assert.IsLessThan(before.HeapBytes + 2_000_000, after.HeapBytes);
        Assert.IsLessThan(before.ResidentBytes + 30_000_000, after.ResidentBytes);
    }

    private async Task RunAsync(int runs, TransportKind transport, DeliveryKind delivery)
    {
        List<string> sessions = [];
        for (int number = 0; number < runs; number += 2)
        {
            sessions.AddRange(await Task.WhenAll(RunOneAsync(number, transport, delivery), RunOneAsync(number + 1, transport, delivery)));
        }

        foreach (string session in sessions)
        {
            await DockerCli.WaitForRemovalAsync(session, Token);
        }
    }

    // The first bytes of an agent that ends at once, and the last ones without a line break.
    private async Task<string> RunOneAsync(int number, TransportKind transport, DeliveryKind delivery)
    {
        using SandboxHost host = new() { Transport = transport, Delivery = delivery };
        int code = number % 3;
        AgentRunResult result = await host.RunAsync(
            string.Create(CultureInfo.InvariantCulture, $"printf 'run {number}'; exit {code}"),
            Token
        );
        Assert.AreEqual(code == 0 ? Verdict.Passed : Verdict.AgentFailed, result.Verdict, string.Join('\n', result.Diagnostics));
        Assert.AreEqual(code, result.AgentExitCode);
        CollectionAssert.AreEqual(new[] { string.Create(CultureInfo.InvariantCulture, $"run {number}") }, host.Lines.ToArray());
        return result.SessionId;
    }

    private sealed record Footprint(
        int Containers,
        int Volumes,
        int Mounts,
        int TemporaryEntries,
        int Descriptors,
        int Threads,
        long HeapBytes,
        long ResidentBytes
    )
    {
        public static async Task<Footprint> TakeAsync(CancellationToken cancellationToken)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            // What the collector holds in reserve, which grows with the load of the machine, goes back to the system.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            using Process self = Process.GetCurrentProcess();
            return new Footprint(
                Count(await EngineCli.Docker.AskAsync(cancellationToken, "ps", "-aq", "--filter", "label=dev.isolated-agents.session")),
                Count(await EngineCli.Docker.AskAsync(cancellationToken, "volume", "ls", "-q")),
                File.ReadLines("/proc/self/mounts").Count(),
                Directory.GetFileSystemEntries(Path.GetTempPath(), "isolated-agents-*").Length,
                Directory.GetFileSystemEntries("/proc/self/fd").Length,
                self.Threads.Count,
                GC.GetTotalMemory(forceFullCollection: true),
                self.WorkingSet64
            );
        }

        private static int Count(string lines) => lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
    }
}
