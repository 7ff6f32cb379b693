using System.Globalization;
using System.Text;
using IsolatedAgents.Outputs;

namespace IsolatedAgents.Changes;

/// <summary>Decides whether a path that an agent chose may become one of the workspace's.</summary>
internal static class ChangeName
{
    /// <summary>Begins the name of what a run puts into a workspace for a moment.</summary>
    public const string ReservedPrefix = ".isolated-agents-";

    /// <summary>The path as text, with forward slashes; or why it is refused.</summary>
    public static (string Name, string? Refusal) Decode(ReadOnlySpan<byte> path)
    {
        (string name, string? refusal) = OutputName.Decode(path, OperatingSystem.IsWindows());
        return (
            name,
            refusal
                ?? (name.EnumerateRunes().Any(IsInvisible) ? "The name holds characters that are not seen" : null)
                ?? (name.StartsWith(ReservedPrefix, StringComparison.OrdinalIgnoreCase) ? "The name is reserved" : null)
        );
    }

    // Direction marks and joiners: some file systems take names that differ in these alone for the same.
    private static bool IsInvisible(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
