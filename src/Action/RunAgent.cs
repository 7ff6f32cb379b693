using IsolatedAgents.Runs;

namespace IsolatedAgents.Action;

/// <summary>Runs one agent and gives its outcome.</summary>
internal delegate Task<AgentRunResult> RunAgent(AgentRunRequest request, CancellationToken cancellationToken);
