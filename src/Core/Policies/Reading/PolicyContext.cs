namespace IsolatedAgents.Policies.Reading;

/// <summary>The surroundings of a value that its check needs.</summary>
/// <param name="Source">Where the value comes from.</param>
/// <param name="BaseDirectory">Absolute folder that relative host paths start from.</param>
/// <param name="HomeDirectory">What <c>~</c> stands for; null where the user has no home.</param>
internal sealed record PolicyContext(PolicySource Source, string BaseDirectory, string? HomeDirectory);
