using IsolatedAgents.Events;

namespace IsolatedAgents.Telemetry;

/// <summary>Renders events to where it was told to when it was made. Called by one thread at a time.</summary>
internal interface IEventFormat
{
    /// <summary>Renders one event.</summary>
    void Write(TelemetryEvent telemetryEvent);

    /// <summary>Passes on what was rendered.</summary>
    void Flush();
}
