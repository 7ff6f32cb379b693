using System.Globalization;

namespace IsolatedAgents.Package.Tests;

/// <summary>What runs cost the node that they run in.</summary>
[TestClass]
[DoNotParallelize]
public sealed class MemoryTests(TestContext context)
{
    private const int Runs = 20;
    private const long Mebibyte = 1024 * 1024;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(5 * 60_000, CooperativeCancellation = true)]
    public async Task Node_AgentsThatPrintAMillionLines_GrowsNoMoreThanByTenThousand()
    {
        using ConsumerProject project = new(
            $"""
              <Target Name="Measure">
                {Run("echo ready")}
                <WriteLinesToFile File="memory.txt" Lines="$([System.Environment]::WorkingSet)" Overwrite="true" />
                {Run("seq 1 10000")}
                <WriteLinesToFile File="memory.txt" Lines="$([System.Environment]::WorkingSet)" />
                {Run("seq 1 1000000")}
                <WriteLinesToFile File="memory.txt" Lines="$([System.Environment]::WorkingSet)" />
              </Target>
            """
        );
        await AssertGrowthAsync(project, 25);
    }

    // C3 45: one node, build after build.
    [TestMethod]
    [TestProperty("Case", "C3-45")]
    [Timeout(5 * 60_000, CooperativeCancellation = true)]
    public async Task TwentyRunsInOneNode_LeaveItsThreadsAndMemory()
    {
        string runs = string.Concat(Enumerable.Repeat(Run("printf 'no end'"), Runs / 2));
        using ConsumerProject project = new(
            $"""
              <Target Name="Measure">
                {Run("echo ready")}
                <WriteLinesToFile File="memory.txt" Lines="$([System.Environment]::WorkingSet)" Overwrite="true" />
                {runs}
                <WriteLinesToFile File="memory.txt" Lines="$([System.Environment]::WorkingSet)" />
                {runs}
                <WriteLinesToFile File="memory.txt" Lines="$([System.Environment]::WorkingSet)" />
              </Target>
            """
        );
        await AssertGrowthAsync(project, 25);
    }

    private async Task AssertGrowthAsync(ConsumerProject project, int mebibytes)
    {
        // What is kept is asked for here, and not what the collector leaves lying as long as the processor's cache has room: that is 300
        // MiB on some machines.
        project.Environment["DOTNET_GCgen0size"] = "0x800000";
        BuildOutcome build = await project.BuildAsync(Token, "-t:Measure");
        build.AssertPassed();
        long[] sizes =
        [
            .. File.ReadLines(project.PathOf("memory.txt")).Select(line => long.Parse(line, CultureInfo.InvariantCulture) / Mebibyte),
        ];
        context.WriteLine(string.Join(' ', sizes));
        Assert.IsLessThan(sizes[0] + mebibytes, sizes[1]);
        Assert.IsLessThan(sizes[1] + mebibytes, sizes[2]);
    }

    private static string Run(string command) =>
        $"""<RunIsolatedAgent Command="{command}" Image="{ConsumerProject.BusyboxImage}" TelemetryLevel="warning" MaxLogBytes="1000000000" AuditLog="audit.jsonl" />""";
}
