using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.ControlGroups;

/// <summary>Documentation/admin-guide/cgroup-v2.rst of the kernel.</summary>
internal sealed class ControlGroupVersion2(string root) : ControlGroup(root)
{
    public override int Version => 2;

    public override ControlGroupLimits ReadLimits()
    {
        long memory = ReadNumber("memory.max");
        long swap = ReadNumber("memory.swap.max");
        return new ControlGroupLimits(memory, memory < 0 || swap < 0 ? -1 : memory + swap, ReadNumber("pids.max"), ReadCpuLimit());
    }

    public override ResourceUsage ReadUsage() =>
        new()
        {
            CpuNanoseconds = ReadKey("cpu.stat", "usage_usec") is >= 0 and long microseconds ? microseconds * 1000 : -1,
            MemoryBytes = WithoutCache(ReadNumber("memory.current"), ReadKey("memory.stat", "inactive_file")),
            MemoryPeakBytes = ReadNumber("memory.peak"),
            Pids = ReadNumber("pids.current"),
            OutOfMemoryKills = ReadKey("memory.events", "oom_kill"),
            PidsDenied = ReadKey("pids.events", "max"),
        };

    private long ReadCpuLimit()
    {
        string text = ReadText("cpu.max").Trim();
        int blank = text.IndexOf(' ', StringComparison.Ordinal);
        if (blank < 0)
        {
            return -1;
        }

        long quota = ParseNumber(text.AsSpan(0, blank));
        long period = ParseNumber(text.AsSpan(blank + 1));
        return quota > 0 && period > 0 ? quota * 1000 / period : -1;
    }
}
