using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Egress;
using IsolatedAgents.Supervisor.Reporting;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>The rules by which an observer decides, and the report that it writes to.</summary>
/// <param name="Rules">Which files the agent may use.</param>
/// <param name="Substitutes">Files that it is shown in place of the image's.</param>
/// <param name="Gate">The way to the allowed endpoints.</param>
/// <param name="Report">Takes what is seen.</param>
internal sealed record ObserverParts(FileRules Rules, SubstituteFiles Substitutes, EgressGate Gate, ActivityReport Report);
