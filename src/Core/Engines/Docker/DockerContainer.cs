using Docker.DotNet;
using Docker.DotNet.Models;
using IsolatedAgents.Sandbox;

namespace IsolatedAgents.Engines.Docker;

/// <summary>A started container.</summary>
internal sealed class DockerContainer(DockerClient client, string id, ISandboxTransport transport, Task starting) : ISandboxContainer
{
    private static readonly TimeSpan RemoveDeadline = TimeSpan.FromSeconds(5);

    public string Id => id;

    public ISandboxTransport Transport => transport;

    public Task RemoveAsync() => RemoveAsync(client, id);

    public async ValueTask DisposeAsync()
    {
        await transport.DisposeAsync().ConfigureAwait(false);
        // The engine may still be at it when the sandbox is over; giving up its call earlier could undo the start half way.
        await starting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Removes by force what may be gone already.</summary>
    internal static async Task RemoveAsync(DockerClient client, string id)
    {
        using CancellationTokenSource limit = new(RemoveDeadline);
        try
        {
            await ForceRemoveAsync(client, id, limit.Token).WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception failure) when (DockerEngine.IsEngineTrouble(failure) || failure is OperationCanceledException)
        {
            // Gone, or being removed by the engine itself; the lease ends it in any case.
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

        await client.Containers.RemoveContainerAsync(id, new ContainerRemoveParameters { Force = true, RemoveVolumes = true }, cancellationToken).ConfigureAwait(false);
        return true;
    }
}
