using IsolatedAgents.Policies;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>
/// One thing that happened in a run. Raised once, as a typed record; every format renders it from <see cref="Describe"/>, so that formats
/// cannot differ in content.
/// </summary>
/// <param name="Descriptor">The row of <see cref="EventCatalog"/> that names this event.</param>
public abstract record TelemetryEvent(EventDescriptor Descriptor)
{
    /// <summary>Position in the run's stream, from 1, without gaps. Set when the event is raised.</summary>
    public long Sequence { get; internal set; }

    /// <summary>When it happened, in UTC, from a monotonic base: order and differences hold when the clock jumps.</summary>
    public DateTimeOffset Timestamp { get; internal set; }

    /// <summary>The run it belongs to.</summary>
    public string SessionId { get; internal set; } = "";

    /// <summary>The level it is shown at. The catalogue's, unless the event itself says otherwise.</summary>
    public virtual TelemetryLevel Level => Descriptor.Level;

    /// <summary>The event in words, without its details.</summary>
    public virtual string Body => Descriptor.Title;

    /// <summary>Whether <see cref="Body"/> is text from outside this product, to be escaped.</summary>
    internal bool HasForeignBody => !ReferenceEquals(Body, Descriptor.Title);

    /// <summary>Names each detail once, in the order in which every format shows them.</summary>
    internal abstract void Describe(IDetailVisitor visitor);

    /// <summary>
    /// The same event without secrets, in every text that comes from outside this product. Abstract, so that no event can forget it.
    /// </summary>
    internal abstract TelemetryEvent Mask(SecretMasker masker);
}
