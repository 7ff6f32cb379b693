using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.ControlGroups;

/// <summary>Documentation/admin-guide/cgroup-v1 of the kernel.</summary>
internal sealed class ControlGroupVersion1(string root) : ControlGroup(root)
{
    // What "no limit" reads as: the largest number of whole pages.
    private const long Unlimited = long.MaxValue / 4096 * 4096;

    public override int Version => 1;

    public override ControlGroupLimits ReadLimits()
    {
        long quota = ReadNumber("cpu/cpu.cfs_quota_us");
        long period = ReadNumber("cpu/cpu.cfs_period_us");
        return new ControlGroupLimits(
            Limit(ReadNumber("memory/memory.limit_in_bytes")),
            Limit(ReadNumber("memory/memory.memsw.limit_in_bytes")),
            ReadNumber("pids/pids.max"),
            quota > 0 && period > 0 ? quota * 1000 / period : -1
        );
    }

    public override ResourceUsage ReadUsage() =>
        new()
        {
            CpuNanoseconds = ReadNumber("cpuacct/cpuacct.usage"),
            MemoryBytes = WithoutCache(ReadNumber("memory/memory.usage_in_bytes"), ReadKey("memory/memory.stat", "total_inactive_file")),
            MemoryPeakBytes = ReadNumber("memory/memory.max_usage_in_bytes"),
            Pids = ReadNumber("pids/pids.current"),
            OutOfMemoryKills = ReadKey("memory/memory.oom_control", "oom_kill"),
            PidsDenied = ReadKey("pids/pids.events", "max"),
        };

    private static long Limit(long value) => value >= Unlimited ? -1 : value;
}
