namespace IsolatedAgents.Policies.Keys;

/// <summary>An object of a policy that groups keys.</summary>
/// <param name="Name">The object's key.</param>
/// <param name="Meaning">One sentence.</param>
internal sealed record PolicySection(string Name, string Meaning)
{
    /// <summary>The schema of what its keys must be together, as JSON; null where each stands for itself.</summary>
    public string? TogetherSchema { get; init; }
}
