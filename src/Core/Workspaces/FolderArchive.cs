using System.Formats.Tar;
using IsolatedAgents.Platform.Files;

namespace IsolatedAgents.Workspaces;

/// <summary>
/// Writes what is copied into a sandbox as an archive in which everything belongs to root and nothing can be written: what a read-only
/// mount would forbid, ownership forbids here. Who could not read the host's file cannot read its copy.
/// </summary>
internal sealed class FolderArchive(TarWriter writer, int userId, int groupId, SandboxCopy copy)
{
    // Root's right to write is no agent's, and what an agent copies for itself is its own to write, as a copy of the original is.
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const int ReadAndExecute = 5;

    /// <summary>Writes one copy's content, to be read by one user.</summary>
    public static async Task WriteAsync(
        SandboxCopy copy,
        (int UserId, int GroupId) reader,
        Stream destination,
        CancellationToken cancellationToken
    )
    {
        TarWriter writer = new(destination, TarEntryFormat.Pax, leaveOpen: true);
        await using System.Runtime.CompilerServices.ConfiguredAsyncDisposable scope = writer.ConfigureAwait(false);
        FolderArchive archive = new(writer, reader.UserId, reader.GroupId, copy);
        copy.Links.Clear(copy.VolumePath);
        RequireUnchanged(copy);
        if (copy.Name.Length > 0)
        {
            await archive.WriteFileAsync(new FileInfo(copy.HostPath), copy.Name, cancellationToken).ConfigureAwait(false);
            RequireUnchanged(copy);
            return;
        }

        DirectoryInfo folder = new(copy.HostPath);
        // The volume's own root too, which the engine may have made writable for others.
        await writer
            .WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, "./") { Mode = archive.Mode(folder) }, cancellationToken)
            .ConfigureAwait(false);
        await archive.WriteFolderAsync(folder, "", cancellationToken).ConfigureAwait(false);
        RequireUnchanged(copy);
    }

    // Before and after: what was read in between was read of the folder that had been checked.
    internal static void RequireUnchanged(SandboxCopy copy)
    {
        if (copy.Inode != 0 && FileIdentity.Inode(copy.HostPath) != copy.Inode)
        {
            throw new IOException($"'{copy.HostPath}' was replaced after it had been checked.");
        }
    }

    private async Task WriteFolderAsync(DirectoryInfo folder, string prefix, CancellationToken cancellationToken)
    {
        foreach (FileSystemInfo entry in Entries(folder))
        {
            string name = prefix + entry.Name;
            if (entry.LinkTarget is { } target)
            {
                if (!copy.Links.TryTake(copy.VolumePath, name, target))
                {
                    await writer
                        .WriteEntryAsync(new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target }, cancellationToken)
                        .ConfigureAwait(false);
                }
            }
            else if (entry is DirectoryInfo below)
            {
                await writer
                    .WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, name) { Mode = Mode(below) }, cancellationToken)
                    .ConfigureAwait(false);
                await WriteFolderAsync(below, name + "/", cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await WriteFileAsync((FileInfo)entry, name, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task WriteFileAsync(FileInfo file, string name, CancellationToken cancellationToken)
    {
        PaxTarEntry entry = new(TarEntryType.RegularFile, name) { Mode = Mode(file) };
        try
        {
            // What has no length is not opened: it may be a pipe or a socket, which has nothing to copy and could be waited for without
            // end.
            if (copy.Shown.TryGetValue(file.FullName, out byte[]? shown))
            {
                entry.DataStream = shown.Length > 0 ? new MemoryStream(shown) : null;
            }
            else if (file.Length > 0)
            {
                FileStream content = new(
                    file.FullName,
                    FileMode.Open,
                    FileAccess.Read,
                    FileShare.ReadWrite | FileShare.Delete,
                    bufferSize: 0,
                    FileOptions.SequentialScan
                );
                // A file that grows or shrinks meanwhile must not shift what follows it.
                entry.DataStream = new ExactLengthStream(content, content.Length);
            }
        }
        catch (Exception failure)
            when (failure is UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException
                || (failure is IOException && IsAuditLog(file))
            )
        {
            entry.Mode = UnixFileMode.None;
        }

        using (entry.DataStream)
        {
            await writer.WriteEntryAsync(entry, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool IsAuditLog(FileInfo file) =>
        copy.AuditLog is not null && FileIdentity.Inode(copy.AuditLog) is not 0 and { } inode && FileIdentity.Inode(file.FullName) == inode;

    // Root may read and enter everything, to check it; the agent what it may on the host, as owner, as one of the group or as anyone.
    private UnixFileMode Mode(FileSystemInfo entry)
    {
        if (OperatingSystem.IsWindows())
        {
            return Owner | Everyone(ReadAndExecute);
        }

        int bits = (int)entry.UnixFileMode;
        int granted = FileIdentity.Owner(entry.FullName) switch
        {
            { } owner when owner.UserId != userId => owner.GroupId == groupId ? bits >> 3 : bits,
            _ => bits >> 6,
        };
        return Owner | Everyone(granted & ReadAndExecute);
    }

    private static UnixFileMode Everyone(int bits) => (UnixFileMode)((bits << 3) | bits);

    private static FileSystemInfo[] Entries(DirectoryInfo folder)
    {
        try
        {
            return [.. folder.EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.Ordinal)];
        }
        catch (Exception failure) when (failure is UnauthorizedAccessException or DirectoryNotFoundException)
        {
            return [];
        }
    }
}
