using System.Globalization;
using IsolatedAgents.Outputs;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Changes;

/// <summary>
/// Takes what the supervisor sends of the agent's copy of the workspace, and keeps it apart from it. Everything about it is the agent's choice, and is held against the bounds again.
/// </summary>
internal sealed class WorkspaceChangeCollector(WorkspaceOriginal original, long maxBytes, int maxFiles) : IDisposable
{
    private readonly Dictionary<string, (string? Content, WorkspaceFileState? After)> _taken = new(StringComparer.Ordinal);
    private readonly StagedFile _file = new();
    private string? _staging;
    private string _name = "";
    private string _content = "";
    private long _size;
    private bool _isExecutable;
    private long _left;
    private long _total;
    private int _entries;
    private bool _isSkipping;

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
    public async ValueTask<string?> BeginAsync(OutputFile file)
    {
        Count();
        if (_left > 0 || file.Size > maxBytes - _total)
        {
            throw new ProtocolException("A changed file does not keep to the bounds.");
        }

        _total += file.Size;
        _size = file.Size;
        _left = file.Size;
        _isExecutable = file.Executable;
        (_name, string? refusal) = ChangeName.Decode(file.Path);
        _isSkipping = refusal is not null;
        if (!_isSkipping)
        {
            _staging ??= Directory.CreateTempSubdirectory("isolated-agents-changes-").FullName;
            _content = Path.Combine(_staging, _taken.Count.ToString(CultureInfo.InvariantCulture));
            _file.Begin(_content);
        }

        if (_left == 0)
        {
            await EndAsync().ConfigureAwait(false);
        }

        return refusal;
    }

    /// <summary>Takes bytes of the file begun last, which must not change from here on.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > _left)
        {
            throw new ProtocolException("More bytes came than a changed file has.");
        }

        _left -= bytes.Length;
        if (!_isSkipping)
        {
            await _file.WriteAsync(bytes).ConfigureAwait(false);
        }

        if (_left == 0)
        {
            await EndAsync().ConfigureAwait(false);
        }
    }

    /// <summary>What really differs, in the order of paths. The set keeps what was taken until it is disposed of.</summary>
    public WorkspaceChangeSet Complete(ChangeRules rules)
    {
        if (_left > 0)
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
        _file.Dispose();
        if (_staging is not null)
        {
            Directory.Delete(_staging, recursive: true);
        }
    }

    private void Count()
    {
        if (++_entries > maxFiles)
        {
            throw new ProtocolException("There are more changed files than the bound allows.");
        }
    }

    private async ValueTask EndAsync()
    {
        if (_isSkipping)
        {
            return;
        }

        WorkspaceFileState state = new(_size, await _file.EndAsync(isExecutable: false).ConfigureAwait(false), _isExecutable);
        if (!_taken.TryAdd(_name, (_content, state)))
        {
            throw new ProtocolException("A changed file came twice.");
        }
    }
}
