using System.Runtime.CompilerServices;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Execution.Translation;
using IsolatedAgents.Policies;
using IsolatedAgents.Sandbox;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Execution;

/// <summary>One run from the engine to the end of the sandbox. Facts become events; what they mean is decided elsewhere.</summary>
internal sealed class SandboxRun(ResolvedRun run, IContainerEngine engine, ImageDescription image, HostPathMap paths, RunEvents events)
{
    private Policy Policy => run.Policy;

    /// <summary>
    /// Runs the agent. What it left is collected when this returns, also where it was cancelled, and its container is ending.
    /// </summary>
    /// <exception cref="EngineException">The sandbox was not as it must be, or was lost.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled, and what the agent left did not come in time.</exception>
    public async Task<SandboxReport> RunAsync(CancellationToken cancellationToken)
    {
        AgentStop stop = new(Policy);
        NetworkReporter network = new(events, stop);
        ReadinessLoop? loop = run.HasEgress ? ReadinessLoop.OfProcess : null;
        EgressSession? egress = run.HasEgress ? new EgressSession(run, events, network, stop, loop) : null;
        try
        {
            return await RunAsync(stop, network, egress, loop, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (egress is not null)
            {
                await egress.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task<SandboxReport> RunAsync(
        AgentStop stop,
        NetworkReporter network,
        EgressSession? egress,
        ReadinessLoop? loop,
        CancellationToken cancellationToken
    )
    {
        SandboxPlan plan = new(run, image, paths, SandboxDeadline.Grace, egress?.TrustedCertificates ?? "");
        SandboxStarter starter = new(
            engine,
            new SandboxStart(run.Transport, run.Delivery, run.HasEgress, run.EngineMemory)
            {
                ChannelParent = paths.FindShared(run.SharedFolders),
            }
        );
        StartedSandbox started = await starter.StartAsync(run.SessionId, plan.CreateSpec, cancellationToken).ConfigureAwait(false);
        using ChannelFolder? channel = started.Channel;
        ISandboxContainer container = started.Container;
        await using ConfiguredAsyncDisposable containerScope = container.ConfigureAwait(false);
        string shortId = ContainerId.Short(container.Id);
        SandboxLink link = new(container.Transport, run.HasEgress, loop);
        stop.Attach(link);
        egress?.Serve(link);
        await using ConfiguredAsyncDisposable linkScope = link.ConfigureAwait(false);
        SandboxDeadline deadline = new(container, link, TimeSpan.FromSeconds(Policy.TimeoutSeconds), cancellationToken);
        await using ConfiguredAsyncDisposable deadlineScope = deadline.ConfigureAwait(false);
        bool isOver = false;
        try
        {
            await events
                .RaiseAsync(new ContainerProvisioning(image.Reference, image.Digest, shortId, started.Route.ToString(), "Running"))
                .ConfigureAwait(false);
            await events.RaiseAsync(new AgentInjecting(run.Agent.Name, run.Agent.Size, [])).ConfigureAwait(false);
            ActivityReporter activities = new(events, new ProbeExpectations(Policy.Strict), network, stop);
            using SandboxReporter reporter = new(run, events, activities, egress, deadline)
            {
                Workspace = plan.Original is null ? null : new WorkspaceReporter(run, plan.Original, events, deadline, link),
            };
            await link.LaunchAsync(plan.CreateLaunch(started.Route, channel), cancellationToken).ConfigureAwait(false);
            await FollowAsync(link, reporter, deadline, cancellationToken).ConfigureAwait(false);
            SandboxReport report = await reporter.CompleteAsync().ConfigureAwait(false);
            // The supervisor has said all, and ends; the engine then removes the container by itself, if there still is one.
            string? engineLoss = deadline.EngineLoss ?? report.EngineLoss;
            isOver = engineLoss is null;
            return report with { EngineLoss = engineLoss };
        }
        finally
        {
            await link.DisposeAsync().ConfigureAwait(false);
            if (egress is not null)
            {
                // What it still finds is told before the end is.
                await (isOver ? egress.WhenServedAsync() : Task.CompletedTask).ConfigureAwait(false);
                await egress.DisposeAsync().ConfigureAwait(false);
            }

            await events
                .RaiseAsync(
                    isOver
                        ? new ContainerRemoving(shortId, "is being removed")
                        : ContainerRemoving.Outcome(shortId, "removed", await deadline.RemoveAsync().ConfigureAwait(false))
                )
                .ConfigureAwait(false);
        }
    }

    private static async Task FollowAsync(
        SandboxLink link,
        SandboxReporter reporter,
        SandboxDeadline deadline,
        CancellationToken cancellationToken
    )
    {
        try
        {
            // Apart: a disk that stands still holds up what is written to it, and not the end of the run.
            await Task.Run(() => TakeAllAsync(link, reporter, deadline), CancellationToken.None)
                .WaitAsync(deadline.Abandoned)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.Expired.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new EngineException(
                DiagnosticTable.EngineLost,
                deadline.EngineLoss
                    ?? (
                        reporter.IsTaking
                            ? "A disk that the run writes to, as the output folder's, stood still, and the run was ended."
                            : "The sandbox did not answer within its deadline and was ended."
                    )
            );
        }
    }

    private static async Task TakeAllAsync(SandboxLink link, SandboxReporter reporter, SandboxDeadline deadline)
    {
        await foreach (SandboxFrame frame in link.ReadAsync(deadline.Expired).ConfigureAwait(false))
        {
            deadline.Extend(frame.Type);
            await reporter.TakeAsync(frame).ConfigureAwait(false);
        }
    }
}
