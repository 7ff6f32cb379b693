using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Platform.Processes;

namespace IsolatedAgents.Changes;

/// <summary>One file that is put into a workspace, or taken out of it.</summary>
/// <param name="Path">Below the workspace, with forward slashes.</param>
/// <param name="Ready">Name of the new content in the staging folder, until it is in place; null for a deletion.</param>
/// <param name="Kept">Name of the old content there, once it is replaced; null where there was none.</param>
/// <param name="NewHash">SHA-256 of the new content; null for a deletion.</param>
internal sealed record ChangeStep(string Path, string? Ready, string? Kept, string? NewHash)
{
    /// <summary>The target of the link to make; null when the step makes none.</summary>
    public string? Link { get; init; }
}

/// <summary>The steps that put changes into a workspace.</summary>
/// <param name="Files">In their order.</param>
/// <param name="NewFolders">Folders that are made for them, the outer ones first.</param>
internal sealed record ChangeSteps(IReadOnlyList<ChangeStep> Files, IReadOnlyList<string> NewFolders);

/// <summary>
/// Says elsewhere than in the workspace what a run is about to do to it, so that a later one can take it back if this one is killed. It
/// lies in the temporary folder, open to its user alone: what lies in a workspace may have come from anywhere, and must not tell anybody
/// which files to move.
/// </summary>
internal sealed class ChangeJournal : IDisposable
{
    private const string NamePrefix = ".isolated-agents-changes-";
    private const string OwnerName = "owner";
    private const string WorkspaceName = "workspace";
    private const string StepsName = "steps";
    private const UnixFileMode OwnerAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _folder;
    private readonly FileStream? _claim;

    private ChangeJournal(string folder, string workspace, FileStream? claim)
    {
        _folder = folder;
        _claim = claim;
        Workspace = workspace;
        Staging = System.IO.Path.Combine(workspace, ChangeName.ReservedPrefix + System.IO.Path.GetFileName(folder)[NamePrefix.Length..]);
    }

    /// <summary>Absolute host path.</summary>
    public string Workspace { get; }

    /// <summary>The folder in it that holds new and old content.</summary>
    public string Staging { get; }

    /// <summary>Begins one.</summary>
    /// <param name="parent">Where it lies: the temporary folder, but for tests.</param>
    /// <param name="workspace">Absolute host path.</param>
    /// <param name="sessionId">The run.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static ChangeJournal Begin(string parent, string workspace, string sessionId)
    {
        string folder = System.IO.Path.Combine(parent, NamePrefix + sessionId);
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, OwnerAlone);
            Require(IsOwnersAlone(folder), folder);
        }

        File.WriteAllText(System.IO.Path.Combine(folder, WorkspaceName), workspace);
        File.WriteAllText(System.IO.Path.Combine(folder, OwnerName), SandboxOwner.Current?.ToString() ?? "");
        return new ChangeJournal(folder, workspace, claim: null);
    }

    /// <summary>Those whose process is surely gone, each claimed until it is disposed of.</summary>
    public static IEnumerable<ChangeJournal> FindOwnerless(string parent)
    {
        foreach (string folder in Directory.EnumerateDirectories(parent, NamePrefix + "*"))
        {
            if (TryClaim(folder) is { } journal)
            {
                yield return journal;
            }
        }
    }

    /// <summary>Writes the steps that are left to do; null once all are done.</summary>
    public void Write(ChangeSteps? steps)
    {
        string path = System.IO.Path.Combine(_folder, StepsName);
        if (steps is null)
        {
            File.Delete(path);
            return;
        }

        // There whole, or not at all.
        string written = path + ".new";
        File.WriteAllBytes(written, JsonSerializer.SerializeToUtf8Bytes(steps, ChangeJournalContext.Default.ChangeSteps));
        File.Move(written, path);
    }

    /// <summary>The steps of a run that was killed; null when none were begun, or all were done.</summary>
    /// <exception cref="IOException">It is no journal.</exception>
    public ChangeSteps? Read()
    {
        string path = System.IO.Path.Combine(_folder, StepsName);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), ChangeJournalContext.Default.ChangeSteps) : null;
        }
        catch (JsonException failure)
        {
            throw new IOException($"'{path}' cannot be read: {failure.Message}", failure);
        }
    }

    /// <summary>It is of no more use.</summary>
    public void Remove() => Directory.Delete(_folder, recursive: true);

    public void Dispose() => _claim?.Dispose();

    private static ChangeJournal? TryClaim(string folder)
    {
        FileStream? claim = null;
        try
        {
            if (IsOwnersAlone(folder))
            {
                // One at a time takes changes back.
                claim = new FileStream(System.IO.Path.Combine(folder, OwnerName), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
                using StreamReader reader = new(claim, leaveOpen: true);
                if (SandboxOwner.Parse(reader.ReadToEnd())?.Judge() == OwnerState.Gone)
                {
                    return new ChangeJournal(folder, File.ReadAllText(System.IO.Path.Combine(folder, WorkspaceName)), claim);
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Somebody else's, or one that is just being begun, taken back or removed.
        }

        claim?.Dispose();
        return null;
    }

    // Who else could write into it could have any file of this user's moved.
    private static bool IsOwnersAlone(string folder) =>
        OperatingSystem.IsWindows()
        || (
            new DirectoryInfo(folder).LinkTarget is null
            && (File.GetUnixFileMode(folder) & ~OwnerAlone) == 0
            && FileIdentity.Owner(folder)?.UserId == FileIdentity.CurrentUser()
        );

    private static void Require(bool holds, string folder)
    {
        if (!holds)
        {
            throw new IOException($"'{folder}' is not this user's alone.");
        }
    }
}

[JsonSerializable(typeof(ChangeSteps))]
internal sealed partial class ChangeJournalContext : JsonSerializerContext;
