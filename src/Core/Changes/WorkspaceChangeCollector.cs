using System.Globalization;
using IsolatedAgents.Changes.Returning;
using IsolatedAgents.Outputs;
using IsolatedAgents.Platform.Processes;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox;
using IsolatedAgents.Workspaces;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Changes;

/// <summary>
/// Takes the files of the agent's copy of the workspace that were asked for, and keeps them apart from it. Everything about them is the
/// agent's choice, and is held against what was asked for.
/// </summary>
internal sealed class WorkspaceChangeCollector(WorkspaceOriginal original, long maxBytes) : IDisposable
{
    private readonly Dictionary<string, (string? Content, WorkspaceFileState? After)> _taken = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ListedEntry> _expected = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _aside = new(StringComparer.Ordinal);
    private readonly HashSet<string> _expectedAside = new(StringComparer.Ordinal);
    private readonly IncomingFile _incoming = new(maxBytes);
    private string? _staging;
    private string _name = "";
    private bool _isExecutable;
    private int _files;

    /// <summary>Whether all that was asked for has come.</summary>
    public bool IsComplete => _expected.Count == 0 && !_incoming.IsIncomplete;

    /// <summary>Files that were requested and did not change, by path, with the place of their content.</summary>
    public IReadOnlyDictionary<string, string> Aside => _aside;

    /// <summary>Takes note of a file that is asked for.</summary>
    public void Expect(ListedEntry file) => _expected.Add(file.Path, file);

    /// <summary>Takes note of a file that is asked for to be looked at, and is no change.</summary>
    public void ExpectAside(ListedEntry file)
    {
        Expect(file);
        _expectedAside.Add(file.Path);
    }

    /// <summary>Takes a file that is gone.</summary>
    /// <exception cref="ProtocolException">It was never there.</exception>
    public void Delete(string path) =>
        _taken[path] = original.Find(path) is not null
            ? (null, null)
            : throw new ProtocolException("A file was deleted that the workspace never had.");

    /// <summary>Begins a file.</summary>
    /// <exception cref="ProtocolException">It was not asked for, or is another than the one that was told of.</exception>
    public void Begin(OutputFile file)
    {
        (_name, string? refusal) = ChangeName.Decode(file.Path);
        if (refusal is not null || !_expected.Remove(_name, out ListedEntry? expected) || expected.Entry.Size != file.Size)
        {
            throw new ProtocolException("A changed file came that was not asked for.");
        }

        _incoming.Begin(file.Size);
        _isExecutable = file.Executable;
        _staging ??= CreateStaging();
        _incoming.Keep(Path.Combine(_staging, (_files++).ToString(CultureInfo.InvariantCulture)));
        End();
    }

    /// <summary>Takes note that a file which was asked for cannot be had.</summary>
    /// <exception cref="ProtocolException">It was not asked for.</exception>
    public void Miss(byte[] path)
    {
        if (!_expected.Remove(ChangeName.Decode(path).Name))
        {
            throw new ProtocolException("A changed file was refused that was not asked for.");
        }
    }

    /// <summary>Takes bytes of the file begun last.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        _incoming.Write(bytes);
        End();
    }

    /// <summary>Takes the whole of the file begun last from where it lies.</summary>
    /// <param name="descriptor">The file, or whatever the supervisor says is it.</param>
    /// <param name="progressed">Told again and again while it gets on.</param>
    /// <param name="cancellationToken">Ends it before its next block.</param>
    /// <exception cref="ProtocolException">It is not the file that was announced.</exception>
    public async ValueTask CopyAsync(SafeFileHandle descriptor, Action progressed, CancellationToken cancellationToken)
    {
        await _incoming.CopyAsync(descriptor, progressed, cancellationToken).ConfigureAwait(false);
        End();
    }

    /// <summary>The content of a file that has come; null where it has not.</summary>
    public byte[]? Read(string path) =>
        _taken.TryGetValue(path, out (string? Content, WorkspaceFileState? After) taken) && taken.Content is not null
            ? File.ReadAllBytes(taken.Content)
            : null;

    /// <summary>Drops a file that has come.</summary>
    public void Drop(string path) => _taken.Remove(path);

    /// <summary>The files that differ, in the order of paths.</summary>
    /// <exception cref="ProtocolException">Something that was asked for has not come.</exception>
    public IReadOnlyList<PendingChange> Complete()
    {
        if (!IsComplete)
        {
            throw new ProtocolException("Not all changed files have come.");
        }

        List<PendingChange> changes = [];
        foreach ((string path, (string? content, WorkspaceFileState? after)) in _taken.OrderBy(taken => taken.Key, StringComparer.Ordinal))
        {
            OriginalEntry? before = original.Find(path);
            if (before?.State is null || before.State != after)
            {
                WorkspaceChangeKind kind =
                    after is null ? WorkspaceChangeKind.Deleted
                    : before is null ? WorkspaceChangeKind.Created
                    : WorkspaceChangeKind.Changed;
                changes.Add(
                    new PendingChange(
                        new WorkspaceChange
                        {
                            Path = path,
                            Kind = kind,
                            Before = before?.State,
                            After = after,
                        },
                        content
                    )
                );
            }
        }

        return changes;
    }

    /// <summary>Hands over what was taken: the set keeps it until it is disposed of.</summary>
    public WorkspaceChangeSet ToSet(IReadOnlyList<PendingChange> changes)
    {
        WorkspaceChangeSet set = new(original, changes, _staging);
        _staging = null;
        return set;
    }

    /// <summary>Drops what was not handed over.</summary>
    public void Dispose()
    {
        _incoming.Dispose();
        if (_staging is not null)
        {
            Directory.Delete(_staging, recursive: true);
        }
    }

    private static string CreateStaging()
    {
        string path = Directory.CreateTempSubdirectory(ChannelFolder.NamePrefix + "changes-").FullName;
        File.WriteAllText(Path.Combine(path, ChannelFolder.OwnerName), SandboxOwner.Current?.ToString() ?? "");
        return path;
    }

    private void End()
    {
        if (_incoming.Complete() is not { } received)
        {
            return;
        }

        if (_expectedAside.Contains(_name))
        {
            _aside[_name] = received.Path;
        }
        else
        {
            _taken[_name] = (received.Path, new WorkspaceFileState(received.Size, received.Sha256, _isExecutable));
        }
    }
}
