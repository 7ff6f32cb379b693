namespace IsolatedAgents.Policies.Reading;

/// <summary>A place in a text file, as editors count it.</summary>
/// <param name="Line">From 1; 0 where there is no place.</param>
/// <param name="Column">From 1, in UTF-16 units.</param>
internal readonly record struct TextPosition(int Line, int Column);
