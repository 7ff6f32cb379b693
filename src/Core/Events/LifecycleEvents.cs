using System.Collections.Immutable;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>A run begins.</summary>
/// <param name="ContainerRuntime">The engine and its version.</param>
/// <param name="StorageBackend">Where files come from and go to.</param>
/// <param name="AuditLogger">Where the audit log goes.</param>
public sealed record SessionInitializing(string ContainerRuntime, string StorageBackend, string AuditLogger)
    : TelemetryEvent(EventCatalog.SessionInitializing)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.ContainerRuntime, ContainerRuntime);
        visitor.Text(DetailNames.StorageBackend, StorageBackend);
        visitor.Text(DetailNames.AuditLogger, AuditLogger);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>The policy is read and checked.</summary>
/// <param name="CpuCores">CPU limit in cores.</param>
/// <param name="MemoryLimit">Memory limit in bytes.</param>
/// <param name="Network"><c>Disabled</c>, or the allowed endpoints.</param>
/// <param name="Timeout">The agent's wall clock.</param>
/// <param name="Settings">What else the policy sets.</param>
public sealed record PolicyValidating(
    double CpuCores,
    long MemoryLimit,
    string Network,
    TimeSpan Timeout,
    ImmutableArray<LabeledValue> Settings
) : TelemetryEvent(EventCatalog.PolicyValidating)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Quantity(DetailNames.CpuLimit, CpuCores, "cores");
        visitor.Memory(DetailNames.MemoryLimit, MemoryLimit);
        visitor.Text(DetailNames.NetworkAccess, Network);
        visitor.Seconds(DetailNames.Timeout, Timeout);
        visitor.Items(DetailNames.Settings, Settings);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Network = masker.Mask(Network),
            Settings = masker.Mask(Settings),
        };
}

/// <summary>The container is created.</summary>
/// <param name="Image">The image as the policy names it.</param>
/// <param name="Digest">The digest that it resolved to.</param>
/// <param name="ContainerId">The container's id.</param>
/// <param name="Transport">How it is reached, and how files got into it.</param>
/// <param name="Status"><c>Creating</c>, <c>Running</c> …</param>
public sealed record ContainerProvisioning(string Image, string? Digest, string? ContainerId, string? Transport, string Status)
    : TelemetryEvent(EventCatalog.ContainerProvisioning)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Image, Image);
        visitor.List(DetailNames.Digest, Digest is null ? [] : [Digest]);
        visitor.Text(DetailNames.ContainerId, ContainerId);
        visitor.Text(DetailNames.Transport, Transport);
        visitor.Word(DetailNames.Status, Status);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Image = masker.Mask(Image),
            Transport = masker.Mask(Transport),
        };
}

/// <summary>Probes inside the sandbox found its walls standing.</summary>
/// <param name="Probes">Each probe and its result.</param>
/// <param name="IsLandlockMissing">Whether the kernel's own rules for files are missing.</param>
public sealed record SandboxVerified(ImmutableArray<LabeledValue> Probes, bool IsLandlockMissing = false)
    : TelemetryEvent(EventCatalog.SandboxVerified)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Items(DetailNames.Probes, Probes);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>The agent is copied into the sandbox.</summary>
/// <param name="Agent">Name of the agent.</param>
/// <param name="Size">Size in bytes.</param>
/// <param name="Dependencies">Packages it needs.</param>
public sealed record AgentInjecting(string Agent, long Size, ImmutableArray<string> Dependencies)
    : TelemetryEvent(EventCatalog.AgentInjecting)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Agent, Agent);
        visitor.Bytes(DetailNames.Size, Size);
        visitor.List(DetailNames.Dependencies, Dependencies);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Agent = masker.Mask(Agent),
            Dependencies = masker.Mask(Dependencies),
        };
}
