using System.Text;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Repositories.Ignoring;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes.Returning;

/// <summary>
/// Which changes of content git would not show, or not whole, because it compares files in another form than they lie there.
/// Attributes and settings of the host say so, and files of attributes that the agent has written and that come back.
/// </summary>
/// <param name="original">The workspace as it was.</param>
/// <param name="tracked">Its repositories.</param>
/// <param name="policy">Names what comes back all the same.</param>
/// <param name="effort">What may go into comparing.</param>
internal sealed class HiddenContent(WorkspaceOriginal original, TrackedFiles tracked, FilesystemPolicy policy, MatchEffort effort)
{
    // A larger file is not compared with what it was.
    private const long MaxBytes = 64L * 1024 * 1024;

    private readonly PathGlobs _returned = new(policy.ReturnIgnored, isLoose: false);

    /// <summary>Judges changes that are about to come back.</summary>
    /// <param name="returning">The changes.</param>
    /// <returns>Those that git would not show, by path, each with the reason.</returns>
    public IReadOnlyDictionary<string, string> Find(IReadOnlyCollection<PendingChange> returning)
    {
        PendingChange[] files = [.. returning.Where(change => change.Content is not null)];
        Dictionary<string, byte[]> attributes = files
            .Where(change => GitNames.Is(change.Path, GitNames.Attributes))
            .ToDictionary(change => change.Path, change => File.ReadAllBytes(change.Content!), StringComparer.Ordinal);
        Func<string, ContentHiding> hiding = tracked.Hiding(attributes, effort);
        Dictionary<string, string> found = new(StringComparer.Ordinal);
        foreach (PendingChange change in files.Where(change => !_returned.Covers(change.Path)))
        {
            if (Explain(change, hiding(change.Path)) is { } reason)
            {
                found.Add(change.Path, reason);
            }
        }

        return found;
    }

    private string? Explain(PendingChange change, ContentHiding hiding)
    {
        WorkspaceFileState? before = change.Change.Before,
            after = change.Change.After;
        if (GitNames.Is(change.Path, GitNames.Modules) && HidesModules(change.Content!))
        {
            return "It has git not show what changes in a submodule";
        }

        if (before is not null && before.Size == after!.Size && before.Sha256 == after.Sha256)
        {
            return tracked.HidesModes(change.Path) ? "Git does not show here whether a file may be executed" : null;
        }

        if ((hiding & ContentHiding.Whole) != 0)
        {
            return "Git compares it through a filter or in another encoding, and may not show what is in it";
        }

        if ((hiding & (ContentHiding.Identity | ContentHiding.LineEnds)) == 0)
        {
            return null;
        }

        if (after!.Size > MaxBytes || before?.Size > MaxBytes)
        {
            return "Git compares it in another form than it has, and it is too large to be compared so here";
        }

        byte[] now = File.ReadAllBytes(change.Content!);
        byte[] was = before is null ? [] : File.ReadAllBytes(Path.Combine(original.FullPath, change.Path));
        if ((hiding & ContentHiding.Identity) != 0 && !Identities(now).SequenceEqual(Identities(was)))
        {
            return "Git does not show what stands between '$Id:' and '$'";
        }

        bool mayHideLineEnds = (hiding & ContentHiding.LineEnds) != 0 && before is not null;
        return mayHideLineEnds && WithoutReturns(now).AsSpan().SequenceEqual(WithoutReturns(was))
            ? "Its line ends alone are others, which git does not show"
            : null;
    }

    private static bool HidesModules(string content)
    {
        GitSettings modules = new(home: null, followsIncludes: false);
        return !modules.Read(content) || modules.HiddenModules.Count > 0;
    }

    // What git leaves out, as convert.c does: up to the next dollar sign, unless a line ends before it.
    private static List<string> Identities(byte[] content)
    {
        List<string> found = [];
        for (int at = Array.IndexOf(content, (byte)'$'); at >= 0; at = Array.IndexOf(content, (byte)'$', at))
        {
            at++;
            if (!content.AsSpan(at).StartsWith("Id:"u8))
            {
                continue;
            }

            int end = Array.IndexOf(content, (byte)'$', at + 3);
            if (end < 0)
            {
                break;
            }

            ReadOnlySpan<byte> text = content.AsSpan((at + 3)..end);
            if (!text.Contains((byte)'\n'))
            {
                found.Add(Encoding.Latin1.GetString(text));
                at = end + 1;
            }
        }

        return found;
    }

    private static byte[] WithoutReturns(byte[] content)
    {
        List<byte> plain = new(content.Length);
        for (int i = 0; i < content.Length; i++)
        {
            if (content[i] != '\r' || i + 1 == content.Length || content[i + 1] != '\n')
            {
                plain.Add(content[i]);
            }
        }

        return [.. plain];
    }
}
