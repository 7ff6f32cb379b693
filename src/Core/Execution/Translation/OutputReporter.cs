using System.Collections.Immutable;
using IsolatedAgents.Events;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Outputs;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox;

namespace IsolatedAgents.Execution.Translation;

/// <summary>Turns what the supervisor sends of the agent's outputs into artifacts, and tells what is not taken.</summary>
internal sealed class OutputReporter(ResolvedRun run, RunEvents events, OutputLimitWarning warning, SandboxDeadline deadline) : IDisposable
{
    private readonly Policy _policy = run.Policy;
    private readonly OutputCollector? _collector = run.Output is null
        ? null
        : new OutputCollector(run.Output, run.SessionId, run.Policy.MaxOutputBytes, run.Policy.MaxOutputFiles);
    private OutputsFound? _found;

    /// <summary>Takes one frame.</summary>
    public async ValueTask TakeAsync(SandboxFrame frame)
    {
        switch (frame.Type)
        {
            case FrameType.OutputsFound:
                await ReportFoundAsync(OutputsFound.FromPayload(frame.Payload)).ConfigureAwait(false);
                break;
            case FrameType.OutputRejected:
                OutputRejection rejection = OutputRejection.FromPayload(frame.Payload);
                await RejectAsync(rejection.Path, Explain(rejection.Reason)).ConfigureAwait(false);
                break;
            case FrameType.OutputFile when _collector is not null:
                OutputFile file = OutputFile.FromPayload(frame.Payload);
                if (_collector.Begin(file) is { } refusal)
                {
                    await RejectAsync(file.Path, refusal).ConfigureAwait(false);
                }

                break;
            case FrameType.OutputData when _collector is not null:
                _collector.Write(frame.Payload);
                break;
            case FrameType.OutputDescriptor when _collector is not null:
                await _collector.CopyAsync(frame.Descriptor!, deadline.Extend, deadline.Expired).ConfigureAwait(false);
                break;
            default:
                throw new ProtocolException($"A {frame.Type} frame came out of turn.");
        }
    }

    /// <summary>Puts the outputs in place once every frame was taken.</summary>
    /// <param name="isBrokenOff">The run was: if that was before it left anything, it takes away nothing that was there.</param>
    public async Task<ImmutableArray<Artifact>> CompleteAsync(bool isBrokenOff)
    {
        if (_collector is null || _found is not { Passed: OutputBound.None } found || (isBrokenOff && found.Files == 0))
        {
            return [];
        }

        ImmutableArray<Artifact> artifacts = _collector.Commit();
        foreach (Artifact artifact in artifacts)
        {
            await events.RaiseAsync(new OutputCollected(artifact.Name, artifact.Size, "Copied to host")).ConfigureAwait(false);
        }

        return artifacts;
    }

    /// <summary>Why an entry is not taken.</summary>
    public static string Explain(RejectionReason reason) =>
        reason switch
        {
            RejectionReason.SymbolicLink => "Symbolic links are not followed",
            RejectionReason.SpecialFile => "Not a regular file",
            RejectionReason.TooDeep => "Folders are nested too deep",
            _ => "It cannot be read",
        };

    /// <summary>Drops what was not put in place.</summary>
    public void Dispose() => _collector?.Dispose();

    private async ValueTask ReportFoundAsync(OutputsFound found)
    {
        _found = found;
        if (_collector is not null || found.Files > 0)
        {
            await events.RaiseAsync(new OutputCollecting(SandboxPaths.Output, found.Files)).ConfigureAwait(false);
        }

        if (found.Passed == OutputBound.None)
        {
            await warning.TakeAsync(found.Bytes).ConfigureAwait(false);
            return;
        }

        await events
            .RaiseAsync(
                new OutputLimitExceeded(found.Bytes, _policy.MaxOutputBytes, "Collection aborted")
                {
                    FileLimit = found.Passed == OutputBound.Entries ? _policy.MaxOutputFiles : null,
                }
            )
            .ConfigureAwait(false);
    }

    private ValueTask RejectAsync(byte[] path, string reason)
    {
        string name = OutputName.Decode(path, isWindows: false).Name;
        bool isExpected = events.Expected.Matches(ViolationKind.Output, name);
        return events.RaiseAsync(new ViolationOutput(name, reason, "Not collected", "output", isExpected));
    }
}
