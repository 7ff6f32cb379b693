using System.Net;
using Docker.DotNet;
using Docker.DotNet.Models;
using IsolatedAgents.Platform.Processes;

namespace IsolatedAgents.Engines.Docker;

/// <summary>A started container.</summary>
internal sealed class DockerContainer(DockerClient client, string id, ISandboxTransport transport, Task starting) : ISandboxContainer
{
    private static readonly TimeSpan RemoveDeadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StartedDeadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(200);

    // A daemon that is restarted answers again after two or three seconds.
    private static readonly TimeSpan RestartDeadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RestartInterval = TimeSpan.FromMilliseconds(250);

    public string Id => id;

    public ISandboxTransport Transport => transport;

    public Task<string?> RemoveAsync() => RemoveAsync(client, id);

    public async Task<string> WhenLostAsync(CancellationToken cancellationToken)
    {
        await starting.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (true)
        {
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                await client.Containers.WaitContainerAsync(id, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception failure) when (DockerEngine.IsEngineTrouble(failure) && failure is not DockerApiException)
            {
                if (await IsBackAsync(cancellationToken).ConfigureAwait(false))
                {
                    // One that answers and drops this call each time is not asked without a pause.
                    await Task.Delay(RestartInterval, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                return $"The engine was lost while the agent ran: {DockerEngine.Innermost(failure)} It did not come back within {RestartDeadline.TotalSeconds} seconds, and the agent was ended.";
            }
            catch (DockerApiException)
            {
                // It does not know the container any more.
            }

            // The container has ended: its stream tells the rest.
            await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await transport.DisposeAsync().ConfigureAwait(false);
        // The engine may still be at it when the sandbox is over; giving up its call earlier could undo the start half way. One that is
        // frozen is not waited for.
        await starting.WaitAsync(StartedDeadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Removes by force what may be gone already. Why it could not; null where it is gone or going.</summary>
    internal static async Task<string?> RemoveAsync(DockerClient client, string id)
    {
        using CancellationTokenSource limit = new(RemoveDeadline);
        TimeSpan retry = FirstRetry;
        string problem = "";
        while (true)
        {
            try
            {
                await ForceRemoveAsync(client, id, limit.Token).WaitAsync(limit.Token).ConfigureAwait(false);
                return null;
            }
            catch (DockerApiException gone) when (gone.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Conflict)
            {
                // Gone, or being removed by the engine itself.
                return null;
            }
            catch (Exception failure) when (DockerEngine.IsEngineTrouble(failure) || failure is OperationCanceledException)
            {
                problem =
                    failure is not OperationCanceledException ? DockerEngine.Innermost(failure)
                    : problem.Length > 0 ? problem
                    : $"the engine did not do so within {RemoveDeadline.TotalSeconds} seconds.";
            }

            // A file system that is busy for a moment is not busy for ever.
            await Task.Delay(retry, limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            retry *= 2;
            if (limit.IsCancellationRequested)
            {
                return BlockedProcesses.Describe(id) is { Length: > 0 } blocked
                    ? $"{problem} What SIGKILL does not end: {blocked}."
                    : problem;
            }
        }
    }

    /// <summary>Asks for its removal, and that of the volumes that are its alone.</summary>
    internal static async Task<bool> ForceRemoveAsync(DockerClient client, string id, CancellationToken cancellationToken)
    {
        try
        {
            // Podman's removal by force first asks the container to stop, and waits ten seconds for it.
            await client.Containers.KillContainerAsync(id, new ContainerKillParameters(), cancellationToken).ConfigureAwait(false);
        }
        catch (DockerApiException)
        {
            // It does not run.
        }

        await client
            .Containers.RemoveContainerAsync(id, new ContainerRemoveParameters { Force = true, RemoveVolumes = true }, cancellationToken)
            .ConfigureAwait(false);
        return true;
    }

    private async Task<bool> IsBackAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(RestartDeadline);
        while (!limit.IsCancellationRequested)
        {
            try
            {
                await client.System.PingAsync(limit.Token).WaitAsync(limit.Token).ConfigureAwait(false);
                return true;
            }
            catch (Exception failure) when (DockerEngine.IsEngineTrouble(failure))
            {
                await Task.Delay(RestartInterval, limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                break;
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        return false;
    }
}
