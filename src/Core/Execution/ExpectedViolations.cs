using System.Collections.Immutable;
using System.IO.Enumeration;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Execution;

/// <summary>The policy's expected violations, and which of them were met.</summary>
internal sealed class ExpectedViolations(ImmutableArray<ExpectedViolation> entries)
{
    private readonly bool[] _met = new bool[entries.Length];

    /// <summary>The entries that nothing matched: likely mistyped, or no longer needed.</summary>
    public IEnumerable<ExpectedViolation> Unmet => entries.Where((_, index) => !_met[index]);

    /// <summary>Whether a violation is expected.</summary>
    public bool Matches(ViolationKind kind, string subject)
    {
        bool any = false;
        for (int i = 0; i < entries.Length; i++)
        {
            if (entries[i].Kind == kind && FileSystemName.MatchesSimpleExpression(entries[i].Match, subject, ignoreCase: false))
            {
                _met[i] = true;
                any = true;
            }
        }

        return any;
    }
}
