using System.Globalization;
using IsolatedAgents.Outputs;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Changes;

/// <summary>
/// Takes what the supervisor sends of the agent's copy of the workspace, and keeps it apart from it. Everything about it is the agent's choice, and is held against the bounds again.
/// </summary>
internal sealed class WorkspaceChangeCollector(WorkspaceOriginal original, long maxBytes, int maxFiles) : IDisposable
{
    private readonly Dictionary<string, (string? Content, WorkspaceFileState? After)> _taken = new(StringComparer.Ordinal);
    private readonly IncomingFile _incoming = new(maxBytes);
    private string? _staging;
    private string _name = "";
    private bool _isExecutable;
    private int _entries;

    /// <summary>Takes a file that is gone. The reason where it is refused.</summary>
    /// <exception cref="ProtocolException">The supervisor does not keep to the bounds, or names what was never there.</exception>
    public string? Delete(WorkspaceDeletion deletion)
    {
        Count();
        (string name, string? refusal) = ChangeName.Decode(deletion.Path);
        if (refusal is null)
        {
            _taken[name] = original.Find(name) is not null ? (null, null) : throw new ProtocolException("A file was deleted that the workspace never had.");
        }

        return refusal;
    }

    /// <summary>Begins a file. The reason where it is refused: its bytes are then passed over.</summary>
    /// <exception cref="ProtocolException">The supervisor does not keep to the bounds.</exception>
    public string? Begin(OutputFile file)
    {
        Count();
        _incoming.Begin(file.Size);
        _isExecutable = file.Executable;
        (_name, string? refusal) = ChangeName.Decode(file.Path);
        if (refusal is null)
        {
            _staging ??= CreateStaging();
            _incoming.Keep(Path.Combine(_staging, _taken.Count.ToString(CultureInfo.InvariantCulture)));
        }

        End();
        return refusal;
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

    /// <summary>What really differs, in the order of paths. The set keeps what was taken until it is disposed of.</summary>
    public WorkspaceChangeSet Complete(ChangeRules rules)
    {
        if (_incoming.IsIncomplete)
        {
            throw new ProtocolException("The last changed file is not complete.");
        }

        List<PendingChange> changes = [];
        foreach ((string path, (string? content, WorkspaceFileState? after)) in _taken.OrderBy(taken => taken.Key, StringComparer.Ordinal))
        {
            OriginalEntry? before = original.Find(path);
            if (before?.State is null || before.State != after)
            {
                WorkspaceChangeKind kind = after is null ? WorkspaceChangeKind.Deleted : before is null ? WorkspaceChangeKind.Created : WorkspaceChangeKind.Changed;
                changes.Add(new PendingChange(new WorkspaceChange { Path = path, Kind = kind, Before = before?.State, After = after }, content));
            }
        }

        WorkspaceChangeSet set = new(original, rules.Judge(changes, original), _staging);
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

    private void Count()
    {
        if (++_entries > maxFiles)
        {
            throw new ProtocolException("There are more changed files than the bound allows.");
        }
    }

    private void End()
    {
        if (_incoming.Complete() is { } received && !_taken.TryAdd(_name, (received.Path, new WorkspaceFileState(received.Size, received.Sha256, _isExecutable))))
        {
            throw new ProtocolException("A changed file came twice.");
        }
    }
}
