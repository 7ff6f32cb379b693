namespace IsolatedAgents.Policies;

/// <summary>The origin of a policy key: a place in the file, or a parameter.</summary>
/// <param name="File">The file as the user named it; null where a parameter set the key.</param>
/// <param name="Line">From 1; 0 where a parameter set the key.</param>
/// <param name="Column">From 1; 0 where a parameter set the key.</param>
/// <param name="ParameterName">The parameter as the user typed it; null where the file set the key.</param>
internal sealed record KeyPosition(string? File, int Line, int Column, string? ParameterName);
