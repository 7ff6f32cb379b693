namespace IsolatedAgents.Execution.Translation;

/// <summary>A connection that the agent wanted and did not get.</summary>
/// <param name="Host">Name, address or path, as the agent chose it.</param>
/// <param name="Port">Port; 0 where it has none.</param>
/// <param name="Reason">Why; no full stop.</param>
/// <param name="Rule">The policy key that decided.</param>
internal readonly record struct NetworkRefusal(string Host, int Port, string Reason, string Rule)
{
    /// <summary>The program that tried; null where it is not known.</summary>
    public string? Process { get; init; }

    /// <summary>How many times within a second.</summary>
    public int Count { get; init; }
}
