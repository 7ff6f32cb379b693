using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>The resources that the sandbox uses at the moment.</summary>
/// <param name="CpuPercent">CPU in percent of the limit.</param>
/// <param name="MemoryUsed">Memory in bytes.</param>
/// <param name="MemoryLimit">Its limit in bytes.</param>
/// <param name="NetworkSent">Bytes sent so far.</param>
/// <param name="NetworkReceived">Bytes received so far.</param>
/// <param name="DiskUsed">Bytes in the output folder; null where not measured.</param>
/// <param name="DiskLimit">Their limit.</param>
public sealed record ResourceUsage(
    double CpuPercent,
    long MemoryUsed,
    long MemoryLimit,
    long NetworkSent,
    long NetworkReceived,
    long? DiskUsed = null,
    long DiskLimit = 0
) : TelemetryEvent(EventCatalog.ResourceUsage)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Percent(DetailNames.Cpu, CpuPercent);
        visitor.MemoryOf(DetailNames.Memory, MemoryUsed, MemoryLimit);
        visitor.Traffic(DetailNames.Network, DetailNames.NetworkSent, DetailNames.NetworkReceived, NetworkSent, NetworkReceived);
        if (DiskUsed is long used)
        {
            visitor.BytesOf(DetailNames.Disk, used, DiskLimit);
        }
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>CPU use is above the threshold.</summary>
/// <param name="Current">In percent of the limit.</param>
/// <param name="Threshold">In percent of the limit.</param>
/// <param name="Action">What happens now.</param>
public sealed record ResourceCpuHigh(double Current, double Threshold, string Action) : TelemetryEvent(EventCatalog.ResourceCpuHigh)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Percent(DetailNames.CurrentPercent, Current);
        visitor.Percent(DetailNames.ThresholdPercent, Threshold);
        visitor.Text(DetailNames.Action, Action);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>Memory use is above the threshold.</summary>
/// <param name="Current">In percent of the limit.</param>
/// <param name="Threshold">In percent of the limit.</param>
/// <param name="Action">What happens now.</param>
public sealed record ResourceMemoryHigh(double Current, double Threshold, string Action) : TelemetryEvent(EventCatalog.ResourceMemoryHigh)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Percent(DetailNames.CurrentPercent, Current);
        visitor.Percent(DetailNames.ThresholdPercent, Threshold);
        visitor.Text(DetailNames.Action, Action);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>The kernel ended a process for its memory.</summary>
/// <param name="MemoryUsed">In bytes.</param>
/// <param name="MemoryLimit">In bytes.</param>
/// <param name="Action">What happens now.</param>
public sealed record ResourceOutOfMemory(long MemoryUsed, long MemoryLimit, string Action)
    : TelemetryEvent(EventCatalog.ResourceOutOfMemory)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Memory(DetailNames.MemoryUsed, MemoryUsed);
        visitor.Memory(DetailNames.MemoryLimit, MemoryLimit);
        visitor.Text(DetailNames.Action, Action);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>The limit of processes was reached.</summary>
/// <param name="Limit">The limit.</param>
/// <param name="Action">What happens now.</param>
public sealed record ResourcePidsExhausted(int Limit, string Action) : TelemetryEvent(EventCatalog.ResourcePidsExhausted)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Number(DetailNames.Limit, Limit);
        visitor.Text(DetailNames.Action, Action);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}
