using IsolatedAgents.Policies.Access;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Sandbox.Connections;

/// <summary>A connection that the agent has opened, as it comes out of the sandbox.</summary>
/// <param name="Stream">The agent's end.</param>
/// <param name="Target">What the agent asked for.</param>
internal sealed record AgentConnection(DuplexStream Stream, EgressTarget Target);
