using IsolatedAgents.Changes;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox;

namespace IsolatedAgents.Runs;

/// <summary>Turns what the supervisor sends of the agent's copy of the workspace into a set of changes, and tells what of it is a violation.</summary>
internal sealed class WorkspaceReporter(Policy policy, WorkspaceOriginal original, RunEvents events, SandboxDeadline deadline) : IDisposable
{
    private readonly WorkspaceChangeCollector _collector = new(original, policy.MaxOutputBytes, policy.MaxOutputFiles);
    private WorkspaceFound? _found;

    /// <summary>Whether the supervisor is done with the outputs: what comes now is of the workspace.</summary>
    public bool IsBegun => _found is not null;

    /// <summary>Takes one frame.</summary>
    public async ValueTask TakeAsync(SandboxFrame frame)
    {
        switch (frame.Type)
        {
            case FrameType.WorkspaceFound when _found is null:
                _found = WorkspaceFound.FromPayload(frame.Payload);
                if (_found.Exceeded)
                {
                    await events.RaiseAsync(new OutputLimitExceeded(_found.Bytes, policy.MaxOutputBytes, "Changes to the workspace dropped")).ConfigureAwait(false);
                }

                break;
            case FrameType.WorkspaceDeleted when _found is { Exceeded: false }:
                WorkspaceDeletion deletion = WorkspaceDeletion.FromPayload(frame.Payload);
                await RejectAsync(deletion.Path, _collector.Delete(deletion)).ConfigureAwait(false);
                break;
            case FrameType.OutputFile when _found is { Exceeded: false }:
                OutputFile file = OutputFile.FromPayload(frame.Payload);
                await RejectAsync(file.Path, _collector.Begin(file)).ConfigureAwait(false);
                break;
            case FrameType.OutputData when _found is { Exceeded: false }:
                _collector.Write(frame.Payload);
                break;
            case FrameType.OutputDescriptor when _found is { Exceeded: false }:
                await _collector.CopyAsync(frame.Descriptor!, deadline.Extend, deadline.Expired).ConfigureAwait(false);
                break;
            case FrameType.OutputRejected when _found is { Exceeded: false }:
                OutputRejection rejection = OutputRejection.FromPayload(frame.Payload);
                await RejectAsync(rejection.Path, OutputReporter.Explain(rejection.Reason)).ConfigureAwait(false);
                break;
            default:
                throw new ProtocolException($"A {frame.Type} frame came out of turn.");
        }
    }

    /// <summary>What was changed, once every frame was taken; null where the bound was passed.</summary>
    public async Task<WorkspaceChangeSet?> CompleteAsync()
    {
        if (_found is null)
        {
            throw new ProtocolException("The sandbox ended without saying what became of the workspace.");
        }

        if (_found.Exceeded)
        {
            return null;
        }

        WorkspaceChangeSet set = _collector.Complete(new ChangeRules(policy.Filesystem));
        foreach (PendingChange change in set.Changes)
        {
            if (change is { IsHeldBack: true, Change: { HeldBackReason: { } why } told })
            {
                await events.RaiseAsync(new WorkspaceHeldBack(change.Path, told.Kind.ToString(), why, told.HeldBackRule)).ConfigureAwait(false);
            }

            if (change.IsProtected)
            {
                string path = $"{SandboxPaths.Workspace}/{change.Path}";
                string reason = $"{change.Change.HeldBackReason} ({change.Change.Kind.ToString().ToLowerInvariant()})";
                await events.RaiseAsync(new ViolationFilesystem(path, reason, "Held back", ChangeRules.ProtectedRule, Expected: events.Expected.Matches(ViolationKind.Filesystem, path))).ConfigureAwait(false);
            }
        }

        return set;
    }

    public void Dispose() => _collector.Dispose();

    private async ValueTask RejectAsync(byte[] path, string? reason)
    {
        if (reason is not null)
        {
            string name = $"{SandboxPaths.Workspace}/{ChangeName.Decode(path).Name}";
            await events.RaiseAsync(new ViolationOutput(name, reason, "Not applied", "filesystem.workspace", events.Expected.Matches(ViolationKind.Output, name))).ConfigureAwait(false);
        }
    }
}
