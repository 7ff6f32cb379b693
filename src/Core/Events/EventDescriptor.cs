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

/// <summary>What is fixed about one kind of event.</summary>
/// <param name="Id">The numeric id, stable.</param>
/// <param name="Name">The dotted name, stable: <c>container.provisioning</c>.</param>
/// <param name="Level">The level it is shown at.</param>
/// <param name="Icon">The emoji of trees; empty for agent output.</param>
/// <param name="Color">The colour of trees.</param>
/// <param name="Title">The first line of a tree, the body of JSON.</param>
public sealed record EventDescriptor(int Id, string Name, TelemetryLevel Level, string Icon, EventColor Color, string Title);
