using System.Globalization;
using System.Runtime.CompilerServices;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox;
using IsolatedAgents.Sandbox.Interop;

namespace IsolatedAgents.Runs;

/// <summary>One run from the engine to the end of the sandbox. Facts become events; what they mean is decided elsewhere.</summary>
internal sealed class SandboxRun(ResolvedRun run, IContainerEngine engine, ImageDescription image, RunEvents events)
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    // Past its own deadline and grace, a supervisor that says nothing is lost.
    private static readonly TimeSpan SupervisorSlack = TimeSpan.FromSeconds(20);

    // The grace and a second: with the container's removal less than the five seconds that a build host may grant.
    private static readonly TimeSpan CancelDeadline = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan HelloDeadline = TimeSpan.FromSeconds(30);

    private Policy Policy => run.Policy;

    /// <summary>Runs the agent. What it left is collected when this returns, and its container is ending.</summary>
    /// <exception cref="EngineException">The sandbox was not as it must be, or was lost.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled; every process of the agent is gone.</exception>
    public async Task<SandboxReport> RunAsync(CancellationToken cancellationToken)
    {
        SandboxLimits limits = SandboxLimits.From(Policy);
        ISandboxContainer container = await engine.StartAsync(CreateSpec(limits), cancellationToken).ConfigureAwait(false);
        string shortId = container.Id[..Math.Min(12, container.Id.Length)];
        bool isOver = false;
        try
        {
            SandboxLink link = new(container.Transport);
            await using ConfiguredAsyncDisposable linkScope = link.ConfigureAwait(false);
            await events.RaiseAsync(new ContainerProvisioning(image.Reference, image.Digest, shortId, "Running")).ConfigureAwait(false);
            await events.RaiseAsync(new AgentInjecting(run.Agent.Name, run.Agent.Size, [])).ConfigureAwait(false);
            using SandboxReporter reporter = new(run, limits, events);
            await link.LaunchAsync(CreateLaunch(limits), cancellationToken).ConfigureAwait(false);
            await FollowAsync(container, link, reporter, cancellationToken).ConfigureAwait(false);
            SandboxReport report = await reporter.CompleteAsync().ConfigureAwait(false);
            isOver = true;
            return report;
        }
        finally
        {
            if (!isOver)
            {
                await container.RemoveAsync().ConfigureAwait(false);
            }

            await events.RaiseAsync(new ContainerRemoving(shortId, isOver ? "is being removed" : "removed")).ConfigureAwait(false);
        }
    }

    private async Task FollowAsync(ISandboxContainer container, SandboxLink link, SandboxReporter reporter, CancellationToken cancellationToken)
    {
        using CancellationTokenSource lost = new(HelloDeadline);
        Task? stopping = null;
        using CancellationTokenRegistration registration = cancellationToken.Register(() =>
        {
            lost.CancelAfter(CancelDeadline);
            stopping = link.StopAsync(Grace, CancellationToken.None);
        });

        // Here and not below: whoever shows the events may have stopped reading them, and this method then waits for it.
        Task? removing = null;
        using CancellationTokenRegistration removal = lost.Token.Register(() => removing = container.RemoveAsync());
        try
        {
            await foreach (SandboxFrame frame in link.ReadAsync(lost.Token).ConfigureAwait(false))
            {
                if (!cancellationToken.IsCancellationRequested)
                {
                    ExtendDeadline(lost, frame.Type);
                    if (cancellationToken.IsCancellationRequested)
                    {
                        // Between the question and the extension: the shorter deadline holds.
                        lost.CancelAfter(CancelDeadline);
                    }
                }

                await reporter.TakeAsync(frame).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new EngineException(DiagnosticTable.EngineLost, "The sandbox did not answer within its deadline. It was removed.");
        }

        await Task.WhenAll(stopping ?? Task.CompletedTask, removing ?? Task.CompletedTask).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
    }

    // While the agent runs, its own time limit; once it has ended, as long as something still comes.
    private void ExtendDeadline(CancellationTokenSource lost, FrameType type)
    {
        if (type == FrameType.Started)
        {
            lost.CancelAfter(TimeSpan.FromSeconds(Policy.TimeoutSeconds) + Grace + SupervisorSlack);
        }
        else if (type >= FrameType.Exited)
        {
            lost.CancelAfter(SupervisorSlack);
        }
    }

    private SandboxSpec CreateSpec(SandboxLimits limits) => new()
    {
        SessionId = run.SessionId,
        ImageId = image.Id,
        Mounts = [.. Mounts()],
        Labels = SandboxLabels.Create(run.SessionId, Policy.TimeoutSeconds),
        MemoryBytes = limits.MemoryBytes,
        CpuMillicores = limits.CpuMillicores,
        PidsLimit = Policy.PidsLimit,
        TemporaryBytes = limits.TemporaryBytes,
        OutputFileSystemBytes = limits.OutputFileSystemBytes,
        OutputFileSystemEntries = limits.OutputFileSystemEntries,
    };

    private IEnumerable<SandboxMount> Mounts()
    {
        yield return new SandboxMount(SupervisorExecutable.Locate(), SandboxPaths.Supervisor, IsWritable: false);
        if (run.Workspace is not null)
        {
            yield return new SandboxMount(run.Workspace, SandboxPaths.Workspace, IsWritable: false);
        }

        if (run.Agent.Mount is { } agent)
        {
            yield return agent;
        }

        foreach (ReadonlyMount mount in Policy.ReadonlyMounts)
        {
            yield return new SandboxMount(mount.HostPath, mount.SandboxPath, IsWritable: false);
        }
    }

    private LaunchSpec CreateLaunch(SandboxLimits limits)
    {
        bool isLocal = !engine.Description.IsRemote;
        return new LaunchSpec
        {
            Arguments = [.. run.Agent.Command],
            Environment = [.. Environment()],
            WorkingDirectory = run.Workspace is null ? SandboxPaths.Temporary : SandboxPaths.Workspace,
            WorkspacePath = run.Workspace is null ? "" : SandboxPaths.Workspace,
            WorkspaceInode = isLocal && run.Workspace is not null ? FileIdentity.Inode(run.Workspace) : 0,
            ReadonlyPaths = [.. Mounts().Where(mount => !mount.IsWritable).Select(mount => mount.SandboxPath)],
            HostNetworkNamespace = isLocal ? FileIdentity.NetworkNamespace() : 0,
            TimeoutMilliseconds = Policy.TimeoutSeconds * 1000L,
            GraceMilliseconds = (long)Grace.TotalMilliseconds,
            UsageIntervalMilliseconds = Math.Max(1, (long)(Policy.ResourceMonitorInterval * 1000)),
            MaxLogBytes = Policy.MaxLogBytes,
            OutputPath = SandboxPaths.Output,
            MaxOutputBytes = Policy.MaxOutputBytes,
            MaxOutputFiles = Policy.MaxOutputFiles,
            CollectOutputs = run.Output is not null,
            MemoryLimitBytes = limits.MemoryBytes,
            PidsLimit = Policy.PidsLimit,
            CpuMillicores = limits.CpuMillicores,
        };
    }

    // The image's own variables come first: the policy's win.
    private IEnumerable<string> Environment()
    {
        foreach (string variable in image.Environment)
        {
            int equals = variable.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && !run.Environment.ContainsKey(variable[..equals]))
            {
                yield return variable;
            }
        }

        foreach ((string name, string value) in run.Environment)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{name}={value}");
        }
    }
}
