using IsolatedAgents.Action.Hosts;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action;

/// <summary>Runs one agent, shown to a host, and gives its outcome.</summary>
internal delegate Task<AgentRunResult> RunAgent(AgentRunRequest request, IBuildHost host, CancellationToken cancellationToken);
