namespace IsolatedAgents.Policies.Reading;

/// <summary>What judging a value needs to know beside the value.</summary>
/// <param name="Source">Where the value comes from.</param>
/// <param name="BaseDirectory">Absolute folder that relative host paths start from.</param>
/// <param name="HomeDirectory">What <c>~</c> stands for; null where the user has no home.</param>
internal sealed record PolicyContext(PolicySource Source, string BaseDirectory, string? HomeDirectory);
