using System.Text.Json;
using IsolatedAgents.Text.Masking;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes;

/// <summary>
/// Writes an agent's changes into the report folder: a list for programs, a patch of what was or would be applied, and one of what is held
/// back. Paths are quoted as git and JSON quote them: in neither can a name do anything.
/// </summary>
internal sealed class ChangeReport(string folder, SecretMasker masker)
{
    /// <summary>The list.</summary>
    public const string ListName = "changes.json";

    /// <summary>The patch of what is not held back.</summary>
    public const string PatchName = "changes.patch";

    /// <summary>The patch of what is.</summary>
    public const string HeldPatchName = "changes.held.patch";

    /// <summary>The folder with a patch for each of the agent's commits.</summary>
    public const string CommitsName = "commits";

    /// <summary>The same, where one of them changes what is held back.</summary>
    public const string HeldCommitsName = "commits.held";

    private readonly Dictionary<string, string> _patches = new(StringComparer.Ordinal);

    /// <summary>Removes what an earlier run left.</summary>
    public void Clear()
    {
        foreach (string name in (string[])[ListName, PatchName, HeldPatchName])
        {
            File.Delete(Path.Combine(folder, name));
        }

        foreach (
            string path in ((string[])[CommitsName, HeldCommitsName])
                .Select(name => Path.Combine(folder, name))
                .Where(path => Directory.Exists(path) && new DirectoryInfo(path).LinkTarget is null)
        )
        {
            foreach (string patch in Directory.EnumerateFiles(path, "????.patch"))
            {
                File.Delete(patch);
            }

            if (!Directory.EnumerateFileSystemEntries(path).Any())
            {
                Directory.Delete(path);
            }
        }
    }

    /// <summary>Writes the patches, for which the workspace must still be what it was.</summary>
    public void WritePatches(WorkspaceChangeSet set)
    {
        WritePatch(set, PatchName, set.Changes.Where(change => !change.IsHeldBack));
        if (set.Changes.Any(change => change.IsHeldBack))
        {
            WritePatch(set, HeldPatchName, set.Changes.Where(change => change.IsHeldBack));
        }
    }

    /// <summary>
    /// Writes the agent's commits, one patch each, in the order in which they are to be applied. The names of the files, below the report's
    /// folder.
    /// </summary>
    public IReadOnlyList<string> WriteCommits(Commits.CommitSeries series)
    {
        string name = series.HeldBackPath is null ? CommitsName : HeldCommitsName;
        List<string> written = [];
        foreach (byte[] patch in series.Patches)
        {
            Directory.CreateDirectory(Path.Combine(folder, name));
            string file = $"{name}/{written.Count + 1:0000}.patch";
            File.WriteAllBytes(Path.Combine(folder, file), patch);
            written.Add(file);
        }

        return written;
    }

    /// <summary>Writes the list, once it is decided what becomes of the changes.</summary>
    public void WriteList(WorkspaceChangeSet set, string sessionId, string verdict)
    {
        using FileStream stream = new(Path.Combine(folder, ListName), FileMode.Create, FileAccess.Write, FileShare.Read);
        using Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("session", sessionId);
        json.WriteString("workspace", set.Workspace);
        json.WriteString("verdict", verdict);
        json.WriteBoolean("applied", set.IsApplied);
        json.WriteStartObject("left");
        json.WriteNumber("ignored", set.Left.Ignored);
        json.WriteNumber("version_control", set.Left.VersionControl);
        json.WriteNumber("links", set.Left.Links);
        json.WriteNumber("bytes", set.Left.Bytes);
        json.WriteEndObject();
        json.WriteStartArray("changes");
        foreach (WorkspaceChange change in set.Results)
        {
            Write(json, change);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void Write(Utf8JsonWriter json, WorkspaceChange change)
    {
        json.WriteStartObject();
        json.WriteString("path", masker.Mask(change.Path));
        json.WriteString("kind", change.Kind.ToString().ToLowerInvariant());
        json.WriteString(
            "status",
            change.Status switch
            {
                WorkspaceChangeStatus.Applied => "applied",
                WorkspaceChangeStatus.HeldBack => "held_back",
                _ => "not_applied",
            }
        );
        json.WriteBoolean("runs_code", change.RunsCode);
        json.WriteString("held_back_reason", change.HeldBackReason);
        json.WriteString("held_back_rule", change.HeldBackRule);
        Write(json, "before", change.Before);
        Write(json, "after", change.After);
        // Null: too large for a patch, or what it is a change of is no longer there.
        json.WriteString("patch", _patches.GetValueOrDefault(change.Path));
        json.WriteEndObject();
    }

    private void Write(Utf8JsonWriter json, string name, WorkspaceFileState? state)
    {
        if (state is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        json.WriteNumber("size", state.Size);
        json.WriteString("sha256", state.Sha256);
        json.WriteString(
            "mode",
            state.LinkTarget is not null ? "120000"
                : state.IsExecutable ? "100755"
                : "100644"
        );
        if (state.LinkTarget is not null)
        {
            json.WriteString("target", masker.Mask(state.LinkTarget));
        }

        json.WriteEndObject();
    }

    private void WritePatch(WorkspaceChangeSet set, string name, IEnumerable<PendingChange> changes)
    {
        using FileStream stream = new(Path.Combine(folder, name), FileMode.Create, FileAccess.Write, FileShare.Read);
        ChangePatch patch = new(stream);
        foreach (PendingChange change in changes)
        {
            if (patch.TryWrite(set.Workspace, change))
            {
                _patches[change.Path] = name;
            }
        }
    }
}
