using System.Formats.Tar;
using System.Security.Cryptography;
using IsolatedAgents.Platform.Files;

namespace IsolatedAgents.Workspaces;

/// <summary>
/// Writes the workspace as an archive in which everything belongs to the agent's user, to be changed by it, and takes note of what was
/// written: each file by its hash, so that it is known to the byte what a change is a change of. Who could not read the host's file is not
/// given a copy.
/// </summary>
internal sealed class WorkspaceArchive(TarWriter writer, WorkspaceOriginal original, SandboxCopy copy, (int UserId, int GroupId) agent)
{
    private const int Permissions = 0x1FF;
    private const int OwnerReadWrite = 0x180;
    private const int OwnerAll = 0x1C0;
    private const int OwnerExecute = 0x40;
    private const int Read = 4;
    private const int ReadAndEnter = 5;
    private const int PlainFile = 0x1A4;
    private const int PlainFolder = 0x1ED;

    /// <summary>Writes all of it.</summary>
    public static async Task WriteAsync(
        SandboxCopy copy,
        WorkspaceOriginal original,
        (int UserId, int GroupId) agent,
        Stream destination,
        CancellationToken cancellationToken
    )
    {
        FolderArchive.RequireUnchanged(copy);
        original.Clear();
        copy.Links.Clear(copy.VolumePath);
        TarWriter writer = new(destination, TarEntryFormat.Pax, leaveOpen: true);
        await using System.Runtime.CompilerServices.ConfiguredAsyncDisposable scope = writer.ConfigureAwait(false);
        WorkspaceArchive archive = new(writer, original, copy, agent);
        DirectoryInfo folder = new(copy.HostPath);
        await writer
            .WriteEntryAsync(
                archive.Own(new PaxTarEntry(TarEntryType.Directory, "./"), Bits(folder, PlainFolder) | OwnerAll),
                cancellationToken
            )
            .ConfigureAwait(false);
        await archive.WriteFolderAsync([.. Entries(folder)], "", cancellationToken).ConfigureAwait(false);
        FolderArchive.RequireUnchanged(copy);
    }

    private async Task WriteFolderAsync(FileSystemInfo[] entries, string prefix, CancellationToken cancellationToken)
    {
        foreach (FileSystemInfo entry in entries)
        {
            string name = prefix + entry.Name;
            if (entry.Name.Contains('\uFFFD', StringComparison.Ordinal))
            {
                // Its name is not text: it could not be opened by it, nor told. The agent is not given it.
                continue;
            }

            if (entry.LinkTarget is { } target)
            {
                original.Add(name, new OriginalEntry(OriginalKind.Link, null));
                if (!copy.Links.TryTake(copy.VolumePath, name, target))
                {
                    await writer
                        .WriteEntryAsync(
                            Own(new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target }, Permissions),
                            cancellationToken
                        )
                        .ConfigureAwait(false);
                }
            }
            else if (entry is DirectoryInfo below)
            {
                await WriteBelowAsync(below, name, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await WriteFileAsync((FileInfo)entry, name, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task WriteBelowAsync(DirectoryInfo folder, string name, CancellationToken cancellationToken)
    {
        FileSystemInfo[] entries = [];
        try
        {
            entries = MayUse(folder, ReadAndEnter) ? [.. Entries(folder)] : throw new UnauthorizedAccessException();
        }
        catch (Exception failure) when (failure is UnauthorizedAccessException or DirectoryNotFoundException)
        {
            original.Add(name, new OriginalEntry(OriginalKind.Withheld, null));
            return;
        }

        await writer
            .WriteEntryAsync(Own(new PaxTarEntry(TarEntryType.Directory, name), Bits(folder, PlainFolder) | OwnerAll), cancellationToken)
            .ConfigureAwait(false);
        await WriteFolderAsync(entries, name + "/", cancellationToken).ConfigureAwait(false);
    }

    private async Task WriteFileAsync(FileInfo file, string name, CancellationToken cancellationToken)
    {
        // A pipe or socket has nothing to copy, and could be waited for without end.
        if (FileIdentity.IsSpecial(file.FullName))
        {
            original.Add(name, new OriginalEntry(OriginalKind.Special, null));
            return;
        }

        Stream content;
        try
        {
            if (!MayUse(file, Read))
            {
                throw new UnauthorizedAccessException();
            }

            content = copy.Shown.TryGetValue(file.FullName, out byte[]? shown)
                ? new MemoryStream(shown)
                : new FileStream(
                    file.FullName,
                    FileMode.Open,
                    FileAccess.Read,
                    FileShare.ReadWrite | FileShare.Delete,
                    bufferSize: 0,
                    FileOptions.SequentialScan
                );
        }
        catch (Exception failure) when (failure is UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException)
        {
            original.Add(name, new OriginalEntry(OriginalKind.Withheld, null));
            return;
        }

        int mode = Bits(file, PlainFile);
        // A file that grows or shrinks meanwhile must not shift what follows it.
        long length = content.Length;
        using HashingStream hashed = new(new ExactLengthStream(content, length));
        // Builds go by the time of a file.
        PaxTarEntry entry = Own(
            new PaxTarEntry(TarEntryType.RegularFile, name)
            {
                DataStream = length > 0 ? hashed : null,
                ModificationTime = file.LastWriteTimeUtc,
            },
            mode | OwnerReadWrite
        );
        await writer.WriteEntryAsync(entry, cancellationToken).ConfigureAwait(false);
        original.Add(name, new OriginalEntry(OriginalKind.File, new WorkspaceFileState(length, hashed.Hash(), (mode & OwnerExecute) != 0)));
    }

    private PaxTarEntry Own(PaxTarEntry entry, int mode)
    {
        entry.Uid = agent.UserId;
        entry.Gid = agent.GroupId;
        entry.Mode = (UnixFileMode)mode;
        return entry;
    }

    private static IEnumerable<FileSystemInfo> Entries(DirectoryInfo folder) =>
        folder.EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.Ordinal);

    private static int Bits(FileSystemInfo entry, int otherwise) =>
        OperatingSystem.IsWindows() ? otherwise : (int)entry.UnixFileMode & Permissions;

    // As owner, as one of the group or as anyone.
    private bool MayUse(FileSystemInfo entry, int wanted)
    {
        if (OperatingSystem.IsWindows())
        {
            return true;
        }

        int bits = (int)entry.UnixFileMode;
        int granted = FileIdentity.Owner(entry.FullName) switch
        {
            { } owner when owner.UserId != agent.UserId => owner.GroupId == agent.GroupId ? bits >> 3 : bits,
            _ => bits >> 6,
        };
        return (granted & wanted) == wanted;
    }

    /// <summary>Takes the hash of what is read through it.</summary>
    private sealed class HashingStream(Stream source) : ArchivedStream
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public override long Length => source.Length;

        public override long Position
        {
            get => source.Position;
            set => throw new NotSupportedException();
        }

        /// <summary>Lower-case hex.</summary>
        public string Hash() => Convert.ToHexStringLower(_hash.GetHashAndReset());

        public override int Read(byte[] buffer, int offset, int count)
        {
            int read = source.Read(buffer, offset, count);
            _hash.AppendData(buffer, offset, read);
            return read;
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await source.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            _hash.AppendData(buffer.Span[..read]);
            return read;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                source.Dispose();
                _hash.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
