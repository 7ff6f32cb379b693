using IsolatedAgents.Policies;

namespace IsolatedAgents.Sandbox;

/// <summary>A policy's limits in the units of the kernel.</summary>
/// <param name="MemoryBytes">Memory, swap included.</param>
/// <param name="CpuMillicores">Thousandths of a core.</param>
/// <param name="TemporaryBytes">Size of <c>/tmp</c>, and of <c>/var/tmp</c>.</param>
/// <param name="SharedMemoryBytes">Size of <c>/dev/shm</c>.</param>
/// <param name="OutputFileSystemBytes">
/// Size of the file system of <c>/output</c>; null where the limit is too large a part of the memory.
/// </param>
/// <param name="OutputFileSystemEntries">Its number of entries.</param>
internal sealed record SandboxLimits(
    long MemoryBytes,
    long CpuMillicores,
    long TemporaryBytes,
    long SharedMemoryBytes,
    long? OutputFileSystemBytes,
    int OutputFileSystemEntries
)
{
    private const long BytesPerMebibyte = 1024 * 1024;

    // Room past the limits, so that passing them can be seen: what ends exactly at the limit is within it.
    private const long OutputSlackBytes = BytesPerMebibyte;
    private const int OutputSlackEntries = 64;

    // A file system in memory counts against the agent's memory: past this part of it a volume serves instead.
    private const int OutputMemoryPart = 4;

    public static SandboxLimits From(Policy policy)
    {
        long memory = policy.MemoryMb * BytesPerMebibyte;
        // A file takes whole pages: so many files of one byte can hold no more than the limit's bytes, and still need their pages.
        long output = policy.MaxOutputBytes + OutputSlackBytes + (policy.MaxOutputFiles * 4096L);
        return new SandboxLimits(
            memory,
            (long)Math.Round(policy.CpuCores * 1000),
            memory / 2,
            policy.SharedMemoryMb * BytesPerMebibyte,
            output <= memory / OutputMemoryPart ? output : null,
            policy.MaxOutputFiles + OutputSlackEntries
        );
    }
}
