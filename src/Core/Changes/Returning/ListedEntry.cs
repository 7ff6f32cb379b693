using System.Text;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Changes.Returning;

/// <summary>An entry of the agent's copy that differs, as the supervisor has told it.</summary>
/// <param name="Path">Below the workspace, with forward slashes; not as it is where <paramref name="Refusal"/> says so.</param>
/// <param name="Entry">What was told.</param>
/// <param name="Refusal">Why its name cannot be one of the workspace's; null where it can.</param>
internal sealed record ListedEntry(string Path, WorkspaceEntry Entry, string? Refusal)
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public WorkspaceEntryKind Kind => Entry.Kind;

    /// <summary>The target of a link; null when the entry is no link, or its target is no plain text.</summary>
    public string? Target { get; } = DecodeTarget(Entry);

    /// <summary>Decides what the name is.</summary>
    public static ListedEntry Of(WorkspaceEntry entry)
    {
        (string path, string? refusal) = ChangeName.Decode(entry.Path);
        return new ListedEntry(path, entry, refusal);
    }

    private static string? DecodeTarget(WorkspaceEntry entry)
    {
        if (entry.Kind != WorkspaceEntryKind.Link || entry.Target.Length == 0)
        {
            return null;
        }

        try
        {
            string target = StrictUtf8.GetString(entry.Target);
            return target.Any(char.IsControl) ? null : target;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
