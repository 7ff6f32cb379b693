using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes;

/// <summary>
/// Writes changes as a patch that <c>git apply</c> takes, byte for byte whatever the files' encoding: a character stands for a byte.
/// </summary>
internal sealed class ChangePatch(Stream destination)
{
    // As git decides it: a byte of 0 among the first ones.
    private const int BinaryProbeLength = 8000;

    // A file beyond this is told in the report and not in the patch, which is held in memory.
    private const int MaxFileBytes = 16 * 1024 * 1024;

    private const string AbsentObject = "0000000000000000000000000000000000000000";

    // Comparing takes time in proportion to this product of lines, and an agent chooses both: what is left of it serves all files of the
    // patch.
    private long _effortLeft = 200_000_000;

    /// <summary>
    /// Writes one change. False where it is too large for a patch, or the workspace no longer holds what it is a change of.
    /// </summary>
    public bool TryWrite(string workspace, PendingChange change)
    {
        WorkspaceFileState? before = change.Change.Before;
        WorkspaceFileState? after = change.Change.After;
        if (before?.Size > MaxFileBytes || after?.Size > MaxFileBytes || Read(workspace, change.Path, before) is not { } old)
        {
            return false;
        }

        byte[] content =
            change.Content is not null ? File.ReadAllBytes(change.Content)
            : after?.LinkTarget is { } link ? Encoding.UTF8.GetBytes(link)
            : [];
        StringBuilder text = new();
        if (before is not null && after?.LinkTarget is not null)
        {
            // What becomes another kind of thing is two changes to git.
            Append(text, change.Path, (before, old), (null, []));
            Append(text, change.Path, (null, []), (after, content));
        }
        else
        {
            Append(text, change.Path, (before, old), (after, content));
        }

        destination.Write(Encoding.Latin1.GetBytes(text.ToString()));
        return true;
    }

    private void Append(
        StringBuilder text,
        string path,
        (WorkspaceFileState? State, byte[] Content) old,
        (WorkspaceFileState? State, byte[] Content) current
    )
    {
        text.Append(CultureInfo.InvariantCulture, $"diff --git {GitPath.Quote("a/", path)} {GitPath.Quote("b/", path)}\n");
        AppendModes(text, old.State, current.State);
        if (!old.Content.AsSpan().SequenceEqual(current.Content) || old.State is null || current.State is null)
        {
            AppendContent(text, path, old, current);
        }
    }

    private static void AppendModes(StringBuilder text, WorkspaceFileState? before, WorkspaceFileState? after)
    {
        if (before is null)
        {
            text.Append(CultureInfo.InvariantCulture, $"new file mode {Mode(after)}\n");
        }
        else if (after is null)
        {
            text.Append(CultureInfo.InvariantCulture, $"deleted file mode {Mode(before)}\n");
        }
        else if (before.IsExecutable != after.IsExecutable)
        {
            text.Append(CultureInfo.InvariantCulture, $"old mode {Mode(before)}\nnew mode {Mode(after)}\n");
        }
    }

    private void AppendContent(
        StringBuilder text,
        string path,
        (WorkspaceFileState? State, byte[] Content) was,
        (WorkspaceFileState? State, byte[] Content) current
    )
    {
        (WorkspaceFileState? before, byte[] old) = was;
        (WorkspaceFileState? after, byte[] content) = current;
        string mode = before is not null && before.IsExecutable == after?.IsExecutable ? $" {Mode(before)}" : "";
        text.Append(CultureInfo.InvariantCulture, $"index {ObjectName(before, old)}..{ObjectName(after, content)}{mode}\n");
        if (IsBinary(old) || IsBinary(content))
        {
            GitBinaryPatch.Append(text, old, content);
            return;
        }

        text.Append(
            UnifiedDiff.Create(
                Encoding.Latin1.GetString(old),
                Encoding.Latin1.GetString(content),
                before is null ? "/dev/null" : GitPath.Header("a/", path),
                after is null ? "/dev/null" : GitPath.Header("b/", path),
                ref _effortLeft
            )
        );
    }

    private static byte[]? Read(string workspace, string path, WorkspaceFileState? before)
    {
        if (before is null)
        {
            return [];
        }

        try
        {
            byte[] content = File.ReadAllBytes(Path.Combine(workspace, path));
            return Convert.ToHexStringLower(SHA256.HashData(content)) == before.Sha256 ? content : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsBinary(byte[] content) => content.AsSpan(0, Math.Min(content.Length, BinaryProbeLength)).Contains((byte)0);

    private static string Mode(WorkspaceFileState? state) =>
        state?.LinkTarget is not null ? "120000"
        : state?.IsExecutable == true ? "100755"
        : "100644";

    // git-hash-object(1)
    private static string ObjectName(WorkspaceFileState? state, byte[] content)
    {
        if (state is null)
        {
            return AbsentObject;
        }

#pragma warning disable CA5350 // The name that git gives an object, which proves nothing here.
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0")));
        hash.AppendData(content);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
