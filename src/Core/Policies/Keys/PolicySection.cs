namespace IsolatedAgents.Policies.Keys;

/// <summary>An object of a policy that groups keys.</summary>
internal sealed record PolicySection(string Name, string Meaning);
