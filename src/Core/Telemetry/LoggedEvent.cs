using System.Collections;
using System.Diagnostics.CodeAnalysis;
using IsolatedAgents.Events;

namespace IsolatedAgents.Telemetry;

/// <summary>
/// An event as a logging state. Our own providers take <see cref="Event"/>; any other sees structured values under the names of the JSON
/// format, and a readable message.
/// </summary>
/// <param name="Event">The event.</param>
[SuppressMessage("Naming", "CA1710", Justification = "A log state is a list only so that any provider can read it.")]
public readonly record struct LoggedEvent(TelemetryEvent Event) : IReadOnlyList<KeyValuePair<string, object?>>
{
    /// <inheritdoc/>
    public int Count => Values().Count;

    /// <inheritdoc/>
    public KeyValuePair<string, object?> this[int index] => Values()[index];

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => Values().GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The event in words, with its details, on one line.</summary>
    public override string ToString() => SimpleFormat.Body(Event);

    private List<KeyValuePair<string, object?>> Values()
    {
        var values = new AttributeValues();
        values.Add("event.name", Event.Descriptor.Name);
        values.Add("seq", Event.Sequence);
        values.Add("session.id", Event.SessionId);
        Event.Describe(values);
        values.Add("{OriginalFormat}", "{Body}");
        values.Add("Body", Event.Body);
        return values.Items;
    }
}
