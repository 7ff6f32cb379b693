using System.Collections.Immutable;
using System.IO.Enumeration;

namespace IsolatedAgents.Policies.Probes;

/// <summary>
/// Something that an ordinary program tries, is refused, and goes on without. The refusal stands; it is no sign of an agent that
/// misbehaves.
/// </summary>
/// <param name="Name">Its name, in lower case with hyphens.</param>
/// <param name="Kind">What kind of violation it would be: <c>filesystem</c> or <c>process</c>, never another.</param>
/// <param name="Operations">The refused operations, as events name them.</param>
/// <param name="Patterns">
/// The refused paths or calls. In a path <c>*</c> and <c>?</c> stay within a name, and <c>**</c> stands for any number of folders; a call
/// is compared as it is.
/// </param>
/// <param name="Purpose">Which program tries it, and why.</param>
internal sealed record ExpectedProbe(
    string Name,
    ViolationKind Kind,
    ImmutableArray<string> Operations,
    ImmutableArray<string> Patterns,
    string Purpose
)
{
    // An agent chooses its paths, and to compare a deep one is work.
    private const int MaxDepth = 64;

    private const string AnyFolders = "**";

    /// <summary>Whether a refusal is of this kind.</summary>
    /// <param name="kind">The kind of violation.</param>
    /// <param name="operation">The refused operation; empty for a call.</param>
    /// <param name="subject">The refused path or call.</param>
    public bool Matches(ViolationKind kind, string operation, string subject) =>
        kind == Kind
        && (kind == ViolationKind.Process || Operations.Contains(operation))
        && Patterns.Any(pattern => kind == ViolationKind.Process ? pattern == subject : Matches(pattern, subject));

    private static bool Matches(string pattern, string path)
    {
        if (path is not ['/', ..] || path.AsSpan().Count('/') > MaxDepth)
        {
            return false;
        }

        return Matches(pattern.Split('/'), path.Split('/'));
    }

    private static bool Matches(ReadOnlySpan<string> pattern, ReadOnlySpan<string> names)
    {
        if (pattern is [AnyFolders, ..])
        {
            return Matches(pattern[1..], names) || (!names.IsEmpty && Matches(pattern, names[1..]));
        }

        return pattern.IsEmpty ? names.IsEmpty : !names.IsEmpty && IsSame(pattern[0], names[0]) && Matches(pattern[1..], names[1..]);
    }

    private static bool IsSame(string pattern, string name) =>
        pattern == name || FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
}
