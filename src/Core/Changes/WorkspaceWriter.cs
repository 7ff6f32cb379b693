using System.Globalization;
using System.Security.Cryptography;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes;

/// <summary>
/// Puts changes into a workspace: all, or none as far as a file system allows. New content is made ready in a folder of the workspace's
/// own, then renamed into place; what it replaces is kept until all is done, also where this process is killed:
/// <see cref="ChangeRecovery"/>. Nothing is written through a link, and nothing that is not what the agent was given.
/// </summary>
internal sealed class WorkspaceWriter(string workspace, string sessionId)
{
    private const UnixFileMode Execute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private const int ReadToExecute = 2;

    private readonly string _staging = Path.Combine(workspace, ChangeName.ReservedPrefix + sessionId);
    private readonly (int UserId, int GroupId)? _owner = FileIdentity.Owner(workspace);
    private readonly Stack<Action> _undo = new();
    private int _count;

    /// <exception cref="IOException">
    /// The workspace is no longer what the agent was given, or cannot be written. It is as it was.
    /// </exception>
    public void Write(IReadOnlyCollection<PendingChange> changes)
    {
        foreach (PendingChange change in changes)
        {
            RequireUnchanged(change);
        }

        using ChangeJournal journal = ChangeJournal.Begin(Path.GetTempPath(), workspace, sessionId);
        try
        {
            Directory.CreateDirectory(_staging);
            // What goes first may make room for what comes. Links are last: nothing is written while they are there.
            List<(PendingChange Change, ChangeStep Step)> steps =
            [
                .. changes
                    .OrderBy(change =>
                        change.IsDeletion ? 0
                        : change.LinkEnd is null ? 1
                        : 2
                    )
                    .Select(change => (change, Prepare(change))),
            ];
            journal.Write(new ChangeSteps([.. steps.Select(entry => entry.Step)], NewFolders(changes)));
            foreach ((PendingChange change, ChangeStep step) in steps)
            {
                Replace(change, step);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Undo();
            throw new IOException($"The changes could not be put into the workspace: {failure.Message}", failure);
        }
        finally
        {
            // All is in place, or nothing is.
            journal.Write(null);
            RemoveStaging();
            RemoveJournal(journal);
        }

        foreach (PendingChange change in changes.Where(change => change.IsDeletion))
        {
            RemoveEmptyFolders(change.Path);
        }
    }

    private string FullPath(string path) => Path.Combine(workspace, path.Replace('/', Path.DirectorySeparatorChar));

    private string NextName() => (_count++).ToString(CultureInfo.InvariantCulture);

    private ChangeStep Prepare(PendingChange change) =>
        new(
            change.Path,
            change.Content is null ? null : MakeReady(change),
            change.Change.Before is null ? null : NextName(),
            change.Change.After?.Sha256
        )
        {
            Link = change.Change.After?.LinkTarget,
        };

    private string[] NewFolders(IEnumerable<PendingChange> changes) =>
        [
            .. changes
                .Where(change => !change.IsDeletion && change.Change.Before is null)
                .SelectMany(change => WorkspaceOriginal.Above(change.Path))
                .Distinct()
                .Where(folder => !Directory.Exists(FullPath(folder)))
                .OrderBy(folder => folder.Length),
        ];

    // What the agent was given is what is there: to the byte, and as a file of this workspace's own.
    private void RequireUnchanged(PendingChange change)
    {
        foreach (string folder in WorkspaceOriginal.Above(change.Path))
        {
            if (new DirectoryInfo(FullPath(folder)).LinkTarget is not null)
            {
                throw Changed(folder);
            }
        }

        FileInfo file = new(FullPath(change.Path));
        if (change.Change.Before is not { } before)
        {
            if (file.LinkTarget is not null || file.Exists)
            {
                throw Changed(change.Path);
            }

            return;
        }

        if (
            file.LinkTarget is not null
            || !file.Exists
            || FileIdentity.IsSpecial(file.FullName)
            || file.Length != before.Size
            || Hash(file) != before.Sha256
            || (!OperatingSystem.IsWindows() && file.UnixFileMode.HasFlag(UnixFileMode.UserExecute) != before.IsExecutable)
        )
        {
            throw Changed(change.Path);
        }
    }

    private static IOException Changed(string path) =>
        new($"'{path}' in the workspace is no longer what the agent was given: something else has changed it while the agent ran.");

    private static string Hash(FileInfo file)
    {
        using FileStream content = file.OpenRead();
        return Convert.ToHexStringLower(SHA256.HashData(content));
    }

    private string MakeReady(PendingChange change)
    {
        string name = NextName();
        string ready = Path.Combine(_staging, name);
        using (FileStream source = File.OpenRead(change.Content!))
        using (FileStream copy = new(ready, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            source.CopyTo(copy);
        }

        if (OperatingSystem.IsWindows())
        {
            return name;
        }

        string target = FullPath(change.Path);
        bool isExecutable = change.Change.After!.IsExecutable;
        UnixFileMode mode = File.GetUnixFileMode(change.Change.Before is null ? ready : target);
        if (isExecutable != mode.HasFlag(UnixFileMode.UserExecute))
        {
            // Who may read it may execute it, and nobody where its owner may not.
            mode = isExecutable
                ? mode | ((UnixFileMode)((int)mode >> ReadToExecute) & Execute) | UnixFileMode.UserExecute
                : mode & ~Execute;
        }

        Give(ready, change.Change.Before is null ? _owner : FileIdentity.Owner(target));
        File.SetUnixFileMode(ready, mode);
        return name;
    }

    private static void Give(string path, (int UserId, int GroupId)? owner)
    {
        if (owner is { } wanted && FileIdentity.Owner(path) != wanted)
        {
            // Who may not give files away keeps them: the workspace's folders are then its own to write to.
            FileIdentity.TrySetOwner(path, wanted);
        }
    }

    private void Replace(PendingChange change, ChangeStep step)
    {
        string target = FullPath(change.Path);
        if (change.LinkEnd is not null)
        {
            MakeLink(change, step, target);
            return;
        }

        string? ready = step.Ready is null ? null : Path.Combine(_staging, step.Ready);
        if (step.Kept is null)
        {
            MakeFolders(change.Path);
            RemoveEmptyFolder(target);
            File.Move(ready!, target);
            _undo.Push(() => File.Delete(target));
            return;
        }

        string kept = Path.Combine(_staging, step.Kept);
        if (ready is null)
        {
            File.Move(target, kept);
            _undo.Push(() => File.Move(kept, target));
            return;
        }

        // At every moment there is the old content or the new one.
        File.Replace(ready, target, kept);
        _undo.Push(() => File.Move(kept, target, overwrite: true));
    }

    private void MakeLink(PendingChange change, ChangeStep step, string target)
    {
        if (step.Kept is null)
        {
            MakeFolders(change.Path);
        }
        else
        {
            string kept = Path.Combine(_staging, step.Kept);
            File.Move(target, kept);
            _undo.Push(() => File.Move(kept, target));
        }

        BeneathOpener.MakeLink(workspace, change.Path, step.Link!, change.LinkEnd!);
        _undo.Push(() => File.Delete(target));
        if (_owner is { } owner)
        {
            FileIdentity.TrySetOwner(target, owner);
        }
    }

    private void MakeFolders(string path)
    {
        foreach (string folder in WorkspaceOriginal.Above(path).Reverse().Select(FullPath))
        {
            if (!Directory.Exists(folder))
            {
                Directory.CreateDirectory(folder);
                _undo.Push(() => Directory.Delete(folder));
                Give(folder, _owner);
            }
        }
    }

    // A folder that held what was deleted, or nothing, where a file is to be.
    private void RemoveEmptyFolder(string target)
    {
        if (!Directory.Exists(target))
        {
            return;
        }

        foreach (string below in Directory.EnumerateDirectories(target).ToArray())
        {
            RemoveEmptyFolder(below);
        }

        UnixFileMode? mode = OperatingSystem.IsWindows() ? null : File.GetUnixFileMode(target);
        (int UserId, int GroupId)? owner = FileIdentity.Owner(target);
        Directory.Delete(target);
        _undo.Push(() =>
        {
            Directory.CreateDirectory(target);
            Give(target, owner);
            if (mode is { } bits && !OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(target, bits);
            }
        });
    }

    private void Undo()
    {
        while (_undo.TryPop(out Action? undo))
        {
            undo();
        }
    }

    // As git does. A folder that still holds something stays.
    private void RemoveEmptyFolders(string path)
    {
        try
        {
            foreach (
                string folder in WorkspaceOriginal
                    .Above(path)
                    .Select(FullPath)
                    .TakeWhile(folder => !Directory.Exists(folder) || !Directory.EnumerateFileSystemEntries(folder).Any())
            )
            {
                if (Directory.Exists(folder))
                {
                    Directory.Delete(folder);
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // An empty folder more is no harm, and all changes are in place.
        }
    }

    private static void RemoveJournal(ChangeJournal journal)
    {
        try
        {
            journal.Remove();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It says that nothing is to be taken back.
        }
    }

    private void RemoveStaging()
    {
        try
        {
            Directory.Delete(_staging, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // What it held is in place, or is still there to be put back by hand.
        }
    }
}
