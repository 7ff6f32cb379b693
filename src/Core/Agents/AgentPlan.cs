using System.Collections.Immutable;
using IsolatedAgents.Engines;

namespace IsolatedAgents.Agents;

/// <summary>How an agent is started.</summary>
/// <param name="Name">What people call it: the file's or folder's name, or the command.</param>
/// <param name="Command">Program and arguments, as the sandbox knows them.</param>
/// <param name="Mount">The host file or folder to show; null for a plain command.</param>
/// <param name="Size">Bytes of the agent's own files; 0 for a plain command.</param>
/// <param name="Environment">Variables that its interpreter should have unless the policy says otherwise.</param>
internal sealed record AgentPlan(
    string Name,
    ImmutableArray<string> Command,
    SandboxMount? Mount,
    long Size,
    ImmutableArray<KeyValuePair<string, string>> Environment
);
