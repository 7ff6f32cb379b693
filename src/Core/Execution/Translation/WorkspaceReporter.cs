using IsolatedAgents.Changes;
using IsolatedAgents.Changes.Commits;
using IsolatedAgents.Changes.Returning;
using IsolatedAgents.Events;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;
using IsolatedAgents.Repositories.Ignoring;
using IsolatedAgents.Sandbox;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Execution.Translation;

/// <summary>
/// Turns what the supervisor tells of the agent's copy of the workspace into a set of changes, and tells what of it is a violation. The
/// supervisor lists what differs; what is to come back is decided here, and only that is asked for, and counted.
/// </summary>
internal sealed class WorkspaceReporter(
    ResolvedRun run,
    WorkspaceOriginal original,
    RunEvents events,
    SandboxDeadline deadline,
    SandboxLink link
) : IDisposable
{
    private const long AttributeEffort = 800_000_000;

    private readonly WorkspaceChangeCollector _collector = new(original, ReturnSelection.MaxPatternBytes + (2 * run.Policy.MaxOutputBytes));
    private readonly FilesystemPolicy _policy = run.Policy.Filesystem with { ProtectedPaths = run.ProtectedPaths };
    private readonly List<ListedEntry> _entries = [];
    private readonly List<(byte[] Path, string Reason)> _missed = [];
    private readonly bool _ignoresCase = FileSystemCase.IsIgnored(original);
    private WorkspaceFound? _found;
    private TrackedFiles? _tracked;
    private ReturnSelection? _selection;
    private long _listedBytes;
    private CommitFiles? _commits;
    private string? _commitsProblem;
    private bool _isDecided;
    private bool _isExceeded;

    private Policy Policy => run.Policy;

    /// <summary>Takes one frame.</summary>
    public async ValueTask TakeAsync(SandboxFrame frame)
    {
        switch (frame.Type)
        {
            case FrameType.WorkspaceEntries when _found is null:
                List(WorkspaceEntries.FromPayload(frame.Payload));
                return;
            case FrameType.WorkspaceFound when _found is null:
                _found = WorkspaceFound.FromPayload(frame.Payload);
                await BeginAsync(_found).ConfigureAwait(false);
                return;
            case FrameType.WorkspaceFile when _selection is not null:
                _collector.Begin(OutputFile.FromPayload(frame.Payload));
                break;
            case FrameType.WorkspaceData when _selection is not null:
                _collector.Write(frame.Payload);
                break;
            case FrameType.WorkspaceDescriptor when _selection is not null:
                await _collector.CopyAsync(frame.Descriptor!, deadline.Extend, deadline.Expired).ConfigureAwait(false);
                break;
            case FrameType.WorkspaceRejected when _selection is not null:
                OutputRejection rejection = OutputRejection.FromPayload(frame.Payload);
                _collector.Miss(rejection.Path);
                _missed.Add((rejection.Path, OutputReporter.Explain(rejection.Reason)));
                break;
            default:
                throw new ProtocolException($"A {frame.Type} frame came out of turn.");
        }

        if (!_isDecided && _collector.IsComplete)
        {
            await DecideAsync(_selection).ConfigureAwait(false);
        }
    }

    /// <summary>The changes, once every frame was taken; null when the agent exceeded a limit.</summary>
    public async Task<WorkspaceChangeSet?> CompleteAsync()
    {
        if (_found is null)
        {
            throw new ProtocolException("The sandbox ended without saying what became of the workspace.");
        }

        if (_selection is null || _tracked is null || _isExceeded)
        {
            return null;
        }

        HiddenContent hidden = new(original, _tracked, _policy, new MatchEffort(AttributeEffort, deadline.Extend));
        ReturnJudge judge = new(original, _selection, new ChangeRules(_policy, _tracked.Tracks, _ignoresCase), hidden);
        IReadOnlyList<PendingChange> files = judge.Judge(_collector.Complete());
        LinkRules rules = new(original, _selection, _tracked, _policy, files);
        List<PendingChange> links = [];
        int stays = 0;
        foreach (ListedEntry entry in _selection.Links)
        {
            if (rules.LeadsIntoVersionControl(entry))
            {
                await RejectAsync(entry.Path, "The link leads into what version control keeps").ConfigureAwait(false);
            }
            else if (rules.Judge(entry) is { } change)
            {
                links.Add(change);
            }
            else
            {
                stays++;
            }
        }

        if (files.Count + links.Count > Policy.MaxOutputFiles)
        {
            await ExceedAsync(files.Count + links.Count, _found.Bytes).ConfigureAwait(false);
            return null;
        }

        await TellAsync(files, _selection.Left with { Links = stays }).ConfigureAwait(false);
        WorkspaceChangeSet set = _collector.ToSet([.. files.Concat(links).OrderBy(change => change.Path, StringComparer.Ordinal)]);
        set.Left = _selection.Left with { Links = stays };
        set.Commits = Commits();
        return set;
    }

    public void Dispose() => _collector.Dispose();

    // The supervisor keeps to the same bounds.
    private void List(WorkspaceEntries entries)
    {
        foreach (WorkspaceEntry entry in entries.Entries)
        {
            _listedBytes += entry.Path.Length + entry.Target.Length;
            _entries.Add(ListedEntry.Of(entry));
        }

        if (_listedBytes > WorkspaceBounds.MaxListedBytes || _entries.Count > WorkspaceBounds.MaxEntriesAfter + WorkspaceBounds.MaxEntries)
        {
            throw new ProtocolException("More changes were listed than the bounds allow.");
        }
    }

    private async ValueTask BeginAsync(WorkspaceFound found)
    {
        if (found.Exceeded)
        {
            await events
                .RaiseAsync(
                    new OutputLimitExceeded(found.Bytes, Policy.MaxWorkspaceBytes, "Changes to the workspace dropped")
                    {
                        Key = OutputLimitExceeded.WorkspaceKey,
                    }
                )
                .ConfigureAwait(false);
            return;
        }

        HashSet<string> paths = new(StringComparer.Ordinal);
        if (!_entries.Where(entry => entry.Refusal is null).All(entry => paths.Add(entry.Path)))
        {
            throw new ProtocolException("A changed file was listed twice.");
        }

        _tracked = new TrackedFiles(original, run.HostEnvironment, _ignoresCase);
        _selection = new ReturnSelection(_entries, original, _tracked, _policy, deadline.Extend);
        if (_selection.Patterns.Any())
        {
            await RequestAsync([.. _selection.Patterns], isLast: false).ConfigureAwait(false);
            return;
        }

        await DecideAsync(_selection).ConfigureAwait(false);
    }

    private async ValueTask DecideAsync(ReturnSelection selection)
    {
        _isDecided = true;
        Dictionary<string, byte[]> contents = new(StringComparer.Ordinal);
        foreach (ListedEntry pattern in selection.Patterns)
        {
            if (_collector.Read(pattern.Path) is { } content)
            {
                contents[pattern.Path] = content;
            }
        }

        selection.Decide(contents);
        deadline.Extend();
        foreach ((ListedEntry entry, string reason) in selection.Rejected)
        {
            await RejectAsync(entry.Path, reason).ConfigureAwait(false);
        }

        ListedEntry[] taken = [.. selection.Taken];
        long bytes = taken.Aggregate(0L, (sum, entry) => sum > long.MaxValue - entry.Entry.Size ? long.MaxValue : sum + entry.Entry.Size);
        if (taken.Length > Policy.MaxOutputFiles || bytes > Policy.MaxOutputBytes)
        {
            await ExceedAsync(taken.Length, bytes).ConfigureAwait(false);
            await RequestAsync([], isLast: true).ConfigureAwait(false);
            return;
        }

        foreach (ListedEntry gone in taken.Where(entry => entry.Kind == WorkspaceEntryKind.Deleted))
        {
            _collector.Delete(gone.Path);
        }

        HashSet<string> wanted = [.. taken.Select(entry => entry.Path)];
        foreach (string dropped in contents.Keys.Where(path => !wanted.Contains(path)))
        {
            _collector.Drop(dropped);
        }

        ListedEntry[] commits = NeededForCommits();
        foreach (ListedEntry file in commits)
        {
            _collector.ExpectAside(file);
        }

        await RequestAsync(
                [.. taken.Where(entry => entry.Kind == WorkspaceEntryKind.File && !contents.ContainsKey(entry.Path))],
                isLast: true,
                commits
            )
            .ConfigureAwait(false);
    }

    private ListedEntry[] NeededForCommits()
    {
        if (Policy.Filesystem.ReturnGit != GitReturn.Commits)
        {
            return [];
        }

        _commits = new CommitFiles(original.FullPath, _entries);
        ListedEntry[] needed = [.. _commits.Needed];
        if (
            needed.Aggregate(0L, (sum, entry) => sum > long.MaxValue - entry.Entry.Size ? long.MaxValue : sum + entry.Entry.Size)
            > Policy.MaxOutputBytes
        )
        {
            _commitsProblem = "they take more than max_output_bytes";
            return [];
        }

        return needed;
    }

    private CommitSeries? Commits()
    {
        if (_commits is null || _commitsProblem is not null || _tracked is null)
        {
            return _commitsProblem is null ? null : new CommitSeries([], null, _commitsProblem);
        }

        if (GitRepository.Of(original.FullPath, run.HostEnvironment) is not { } repository)
        {
            return new CommitSeries([], null, "the workspace is not the root of a repository");
        }

        ChangeRules rules = new(_policy, _tracked.Tracks, _ignoresCase);
        return CommitSeries.Create(_commits, _collector.Aside, repository, run.HostEnvironment, path =>
            rules.HoldsBack(path)
            || (!_tracked.Tracks(path) && !_policy.ReturnIgnored.Contains(path) && _selection!.IsIgnored(path, isFolder: false))
        );
    }

    private async ValueTask RequestAsync(IReadOnlyCollection<ListedEntry> files, bool isLast, params ListedEntry[] aside)
    {
        foreach (ListedEntry file in files)
        {
            _collector.Expect(file);
        }

        foreach (WorkspaceRequest request in WorkspaceRequest.Split(files.Concat(aside).Select(file => file.Path), isLast))
        {
            await link.RequestAsync(request, deadline.Expired).ConfigureAwait(false);
        }
    }

    private async ValueTask ExceedAsync(int files, long bytes)
    {
        _isExceeded = true;
        await events
            .RaiseAsync(new OutputLimitExceeded(bytes, Policy.MaxOutputBytes, $"Changes to the workspace dropped ({files} files)"))
            .ConfigureAwait(false);
    }

    private async ValueTask TellAsync(IReadOnlyList<PendingChange> changes, LeftBehind left)
    {
        if (!left.IsNone)
        {
            await events.RaiseAsync(new WorkspaceLeft(left.Ignored, left.VersionControl, left.Links, left.Bytes)).ConfigureAwait(false);
        }

        foreach ((byte[] path, string reason) in _missed)
        {
            await RejectAsync(ChangeName.Decode(path).Name, reason).ConfigureAwait(false);
        }

        foreach (PendingChange change in changes)
        {
            if (change is { IsHeldBack: true, Change: { HeldBackReason: { } why } told })
            {
                await events
                    .RaiseAsync(new WorkspaceHeldBack(change.Path, told.Kind.ToString(), why, told.HeldBackRule))
                    .ConfigureAwait(false);
            }

            if (change.IsProtected)
            {
                string path = $"{SandboxPaths.Workspace}/{change.Path}";
                string reason = $"{change.Change.HeldBackReason} ({change.Change.Kind.ToString().ToLowerInvariant()})";
                await events
                    .RaiseAsync(
                        new ViolationFilesystem(
                            path,
                            reason,
                            "Held back",
                            ChangeRules.ProtectedRule,
                            Expected: events.Expected.Matches(ViolationKind.Filesystem, path)
                        )
                    )
                    .ConfigureAwait(false);
            }
        }
    }

    private async ValueTask RejectAsync(string path, string reason)
    {
        string name = $"{SandboxPaths.Workspace}/{path}";
        await events
            .RaiseAsync(
                new ViolationOutput(
                    name,
                    reason,
                    "Not applied",
                    "filesystem.workspace",
                    events.Expected.Matches(ViolationKind.Output, name)
                )
            )
            .ConfigureAwait(false);
    }
}
