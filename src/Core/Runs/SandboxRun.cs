using System.Runtime.CompilerServices;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox;

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
        SandboxPlan plan = new(run, image, limits, Grace);
        StartedSandbox started = await new SandboxStarter(engine, run.Transport, run.Delivery).StartAsync(run.SessionId, plan.CreateSpec, cancellationToken).ConfigureAwait(false);
        using ChannelFolder? channel = started.Channel;
        ISandboxContainer container = started.Container;
        await using ConfiguredAsyncDisposable containerScope = container.ConfigureAwait(false);
        string shortId = container.Id[..Math.Min(12, container.Id.Length)];
        bool isOver = false;
        try
        {
            SandboxLink link = new(container.Transport);
            await using ConfiguredAsyncDisposable linkScope = link.ConfigureAwait(false);
            await events.RaiseAsync(new ContainerProvisioning(image.Reference, image.Digest, shortId, started.Route.ToString(), "Running")).ConfigureAwait(false);
            await events.RaiseAsync(new AgentInjecting(run.Agent.Name, run.Agent.Size, [])).ConfigureAwait(false);
            using SandboxReporter reporter = new(run, limits, events);
            await link.LaunchAsync(plan.CreateLaunch(started.Route, channel), cancellationToken).ConfigureAwait(false);
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
}
