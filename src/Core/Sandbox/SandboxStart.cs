using IsolatedAgents.Engines;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Sandbox;

/// <summary>How a sandbox may be started.</summary>
/// <param name="Transport">How it may be reached.</param>
/// <param name="Delivery">How files may get into it.</param>
/// <param name="HasConnections">Whether the supervisor hands over what the agent opens.</param>
/// <param name="Memory">The route that the engine served before, so that a process pays for finding out once.</param>
internal sealed record SandboxStart(TransportKind Transport, DeliveryKind Delivery, bool HasConnections, EngineMemory Memory)
{
    /// <summary>A folder that the engine is known to see; null for the temporary folder.</summary>
    public string? ChannelParent { get; init; }
}
