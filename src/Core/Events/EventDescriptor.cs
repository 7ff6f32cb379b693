using System.Globalization;
using System.Text;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Events;

/// <summary>The colour that a tree gives an event.</summary>
public enum EventColor
{
    /// <summary>Activity.</summary>
    White,

    /// <summary>Life cycle.</summary>
    Blue,

    /// <summary>Success.</summary>
    Green,

    /// <summary>Warnings.</summary>
    Yellow,

    /// <summary>Errors.</summary>
    Red,

    /// <summary>Figures.</summary>
    Cyan,
}

/// <summary>The fixed properties of one kind of event. There is one object for each kind.</summary>
/// <param name="id">The numeric id, stable.</param>
/// <param name="name">The dotted name, stable: <c>container.provisioning</c>.</param>
/// <param name="level">The level it is shown at.</param>
/// <param name="icon">The emoji of trees; empty for agent output.</param>
/// <param name="color">The colour of trees.</param>
/// <param name="title">The first line of a tree, the body of JSON.</param>
public sealed class EventDescriptor(int id, string name, TelemetryLevel level, string icon, EventColor color, string title)
{
    /// <summary>The numeric id, stable.</summary>
    public int Id { get; } = id;

    /// <summary>The dotted name, stable: <c>container.provisioning</c>.</summary>
    public string Name { get; } = name;

    /// <summary>The level it is shown at.</summary>
    public TelemetryLevel Level { get; } = level;

    /// <summary>The emoji of trees; empty for agent output.</summary>
    public string Icon { get; } = icon;

    /// <summary>The colour of trees.</summary>
    public EventColor Color { get; } = color;

    /// <summary>The first line of a tree, the body of JSON.</summary>
    public string Title { get; } = title;

    /// <summary>
    /// Its members in an object of JSON, up to the value of the next: <c>,"event.name":"container.provisioning","event.id":102,"seq":</c>.
    /// </summary>
    internal byte[] JsonMembers { get; } =
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $",\"event.name\":\"{name}\",\"event.id\":{id},\"seq\":"));
}
