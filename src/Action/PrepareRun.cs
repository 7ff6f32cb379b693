using IsolatedAgents.Execution;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action;

/// <summary>Prepares the run that a request asks for.</summary>
internal delegate Task<PreparedRun> PrepareRun(AgentRunRequest request, CancellationToken cancellationToken);
