using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.ControlGroups;

namespace IsolatedAgents.Supervisor.Tests;

/// <summary>Both versions of the kernel's files, written as the kernel writes them.</summary>
[TestClass]
public sealed class ControlGroupTests
{
    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-cgroup-").FullName;

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    public void Open_NoHierarchy_IsNull() => Assert.IsNull(ControlGroup.Open(_root));

    [TestMethod]
    public void Version2_FilesAsTheKernelWritesThem_AreRead()
    {
        Write("cgroup.controllers", "cpu memory pids\n");
        Write("cpu.stat", "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n");
        Write("cpu.max", "150000 100000\n");
        Write("memory.current", "104857600\n");
        Write("memory.peak", "209715200\n");
        Write("memory.max", "268435456\n");
        Write("memory.swap.max", "0\n");
        Write("memory.stat", "anon 1\nactive_file 5\ninactive_file 4857600\n");
        Write("memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n");
        Write("pids.current", "12\n");
        Write("pids.max", "64\n");
        Write("pids.events", "max 3\n");
        ControlGroup group = ControlGroup.Open(_root)!;
        Assert.AreEqual(2, group.Version);
        Assert.AreEqual(new ControlGroupLimits(268435456, 268435456, 64, 1500), group.ReadLimits());
        Assert.AreEqual(
            new ResourceUsage
            {
                CpuNanoseconds = 1_500_000_000,
                MemoryBytes = 100_000_000,
                MemoryPeakBytes = 209715200,
                Pids = 12,
                OutOfMemoryKills = 1,
                PidsDenied = 3,
            },
            group.ReadUsage()
        );
    }

    [TestMethod]
    public void Version2_NoLimits_AreSeenAsNone()
    {
        Write("cgroup.controllers", "cpu memory pids\n");
        Write("cpu.max", "max 100000\n");
        Write("memory.max", "max\n");
        Write("pids.max", "max\n");
        Assert.AreEqual(new ControlGroupLimits(-1, -1, -1, -1), ControlGroup.Open(_root)!.ReadLimits());
    }

    [TestMethod]
    public void Version1_FilesAsTheKernelWritesThem_AreRead()
    {
        Write("memory/memory.usage_in_bytes", "104857600\n");
        Write("memory/memory.max_usage_in_bytes", "209715200\n");
        Write("memory/memory.limit_in_bytes", "268435456\n");
        Write("memory/memory.memsw.limit_in_bytes", "268435456\n");
        Write("memory/memory.stat", "cache 9\ninactive_file 1\ntotal_inactive_file 4857600\n");
        Write("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
        Write("cpu/cpu.cfs_quota_us", "50000\n");
        Write("cpu/cpu.cfs_period_us", "100000\n");
        Write("cpuacct/cpuacct.usage", "1500000000\n");
        Write("pids/pids.current", "12\n");
        Write("pids/pids.max", "64\n");
        Write("pids/pids.events", "max 3\n");
        ControlGroup group = ControlGroup.Open(_root)!;
        Assert.AreEqual(1, group.Version);
        Assert.AreEqual(new ControlGroupLimits(268435456, 268435456, 64, 500), group.ReadLimits());
        Assert.AreEqual(
            new ResourceUsage
            {
                CpuNanoseconds = 1_500_000_000,
                MemoryBytes = 100_000_000,
                MemoryPeakBytes = 209715200,
                Pids = 12,
                OutOfMemoryKills = 1,
                PidsDenied = 3,
            },
            group.ReadUsage()
        );
    }

    [TestMethod]
    public void Version1_NoLimits_AreSeenAsNone()
    {
        Write("memory/memory.usage_in_bytes", "1\n");
        Write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        Write("cpu/cpu.cfs_quota_us", "-1\n");
        Write("cpu/cpu.cfs_period_us", "100000\n");
        Write("pids/pids.max", "max\n");
        Assert.AreEqual(new ControlGroupLimits(-1, -1, -1, -1), ControlGroup.Open(_root)!.ReadLimits());
    }

    [TestMethod]
    public void ReadUsage_FilesThatAreMissing_AreUnknown()
    {
        Write("cgroup.controllers", "\n");
        ResourceUsage usage = ControlGroup.Open(_root)!.ReadUsage();
        Assert.AreEqual(-1, usage.CpuNanoseconds);
        Assert.AreEqual(-1, usage.MemoryBytes);
        Assert.AreEqual(-1, usage.OutOfMemoryKills);
    }

    private void Write(string file, string text)
    {
        string path = Path.Combine(_root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
