using System.Collections.Immutable;

namespace IsolatedAgents.Policies;

/// <summary>A policy key that a parameter of the step sets, in place of what the file says.</summary>
/// <param name="Key">The key in snake_case, dots for nested ones: <c>memory_mb</c>, <c>filesystem.workspace</c>.</param>
/// <param name="Values">The text of its value; one entry for a scalar, any number for a list.</param>
/// <param name="ParameterName">The parameter as the user typed it, for messages: <c>MemoryMb</c>, <c>--memory-mb</c>.</param>
public sealed record PolicyOverride(string Key, ImmutableArray<string> Values, string ParameterName);
