using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>The container is removed.</summary>
/// <param name="ContainerId">The container's id.</param>
/// <param name="Status"><c>removed</c>, <c>being removed</c> …</param>
public sealed record ContainerRemoving(string ContainerId, string Status) : TelemetryEvent(EventCatalog.ContainerRemoving)
{
    /// <summary>Why it could not be removed; null where it was, or where nobody knows yet.</summary>
    public string? Problem { get; init; }

    /// <summary>Tells how a removal went that was waited for.</summary>
    internal static ContainerRemoving Outcome(string containerId, string done, string? problem) =>
        new(containerId, problem is null ? done : $"could not be removed: {problem}") { Problem = problem };

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Sentence(DetailNames.ContainerId, "Container", ContainerId, DetailNames.Status, Status);
    }

    // What an engine says of a failure is foreign text.
    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Status = masker.Mask(Status),
            Problem = Problem is { } problem ? masker.Mask(problem) : null,
        };
}

/// <summary>The run passed.</summary>
/// <param name="TotalDuration">From the call to the verdict.</param>
/// <param name="ExitCode">Of the agent.</param>
/// <param name="Artifacts">How many files were collected.</param>
/// <param name="ArtifactsSize">Their size in bytes.</param>
public sealed record SessionCompleted(TimeSpan TotalDuration, int ExitCode, int Artifacts, long ArtifactsSize)
    : TelemetryEvent(EventCatalog.SessionCompleted)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Duration(DetailNames.TotalDuration, TotalDuration);
        visitor.Number(DetailNames.ExitCode, ExitCode);
        visitor.Files(DetailNames.Artifacts, Artifacts, DetailNames.ArtifactSize, ArtifactsSize);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>The run did not pass.</summary>
/// <param name="Reason">Why.</param>
/// <param name="TotalDuration">From the call to the verdict.</param>
/// <param name="ExitCode">Of the whole run.</param>
public sealed record SessionFailed(string Reason, TimeSpan TotalDuration, int ExitCode) : TelemetryEvent(EventCatalog.SessionFailed)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Reason, Reason);
        visitor.Duration(DetailNames.TotalDuration, TotalDuration);
        visitor.Number(DetailNames.ExitCode, ExitCode);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Reason = masker.Mask(Reason) };
}

/// <summary>Telemetry was left out, and how much.</summary>
/// <param name="Event">What was left out.</param>
/// <param name="Count">How many times.</param>
/// <param name="Reason">Why.</param>
public sealed record TelemetrySuppressed(string Event, long Count, string? Reason = null) : TelemetryEvent(EventCatalog.TelemetrySuppressed)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Event, Event);
        visitor.Number(DetailNames.Count, Count);
        visitor.Text(DetailNames.Reason, Reason);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Event = masker.Mask(Event), Reason = masker.Mask(Reason) };
}
