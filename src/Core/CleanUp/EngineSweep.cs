using IsolatedAgents.Engines;
using IsolatedAgents.Platform.Processes;

namespace IsolatedAgents.CleanUp;

/// <summary>A container or folder of a run whose process is gone.</summary>
/// <param name="Kind"><c>container</c>, <c>folder</c>, or <c>changes</c> that were put into a workspace in part and are taken back.</param>
/// <param name="Id">The engine's id, or the path; the workspace's for changes.</param>
/// <param name="Engine">Which engine had it; null for what is in the file system.</param>
/// <param name="Problem">Why it is still there; null where it was removed, or was only looked for.</param>
internal sealed record Leftover(string Kind, string Id, string? Engine, string? Problem);

/// <summary>
/// Removes from one engine the containers that are ours and ownerless, and nothing else: those with our label whose process is gone. Where
/// that cannot be told, because the process belongs to another machine, boot or namespace, only those that are far past their own time
/// limit.
/// </summary>
internal static class EngineSweep
{
    // Past the agent's time limit: what a pull, a slow start and the collection of outputs may take at worst.
    private static readonly TimeSpan Slack = TimeSpan.FromHours(1);

    // An engine removes a container of ours by itself once its program has ended; so long that is its business.
    private static readonly TimeSpan RemovalGrace = TimeSpan.FromSeconds(10);

    // A run's process may end a moment before the supervisor that it has let go.
    private static readonly TimeSpan EndGrace = TimeSpan.FromMilliseconds(500);

    /// <summary>Removes them, or only names them.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="onlyLook">Whether they stay.</param>
    /// <param name="cancellationToken">Ends the work between two removals.</param>
    /// <exception cref="EngineException">IA2003: the engine does not say what it has.</exception>
    public static async Task<IReadOnlyList<Leftover>> RunAsync(IContainerEngine engine, bool onlyLook, CancellationToken cancellationToken)
    {
        List<FoundContainer> found = await FindAsync(engine, cancellationToken).ConfigureAwait(false);
        if (found.Exists(container => container.State == ContainerState.Running))
        {
            await Task.Delay(EndGrace, cancellationToken).ConfigureAwait(false);
            HashSet<string> before = [.. found.Select(container => container.Id)];
            found = await FindAsync(engine, cancellationToken).ConfigureAwait(false);
            found.RemoveAll(container => !before.Contains(container.Id));
        }

        List<Leftover> leftovers = [];
        foreach (FoundContainer container in found)
        {
            if (
                container.State == ContainerState.Ended
                && !await IsLeftAsync(engine, container.Id, cancellationToken).ConfigureAwait(false)
            )
            {
                continue;
            }

            string? problem = onlyLook ? null : await engine.RemoveContainerAsync(container.Id, cancellationToken).ConfigureAwait(false);
            leftovers.Add(new Leftover("container", container.Id, engine.Description.Name, problem));
        }

        return leftovers;
    }

    private static async Task<List<FoundContainer>> FindAsync(IContainerEngine engine, CancellationToken cancellationToken)
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        IReadOnlyList<FoundContainer> found = await engine
            .FindContainersAsync(SandboxLabels.Session, cancellationToken)
            .ConfigureAwait(false);
        return [.. found.Where(container => container.State != ContainerState.Removing && IsOwnerless(container, now))];
    }

    private static async Task<bool> IsLeftAsync(IContainerEngine engine, string id, CancellationToken cancellationToken) =>
        await engine.FindEndAsync(id, cancellationToken).ConfigureAwait(false) is { } ended
        && TimeProvider.System.GetUtcNow() - ended > RemovalGrace;

    /// <summary>Whether nobody can own a container any more.</summary>
    internal static bool IsOwnerless(FoundContainer container, DateTimeOffset now) =>
        SandboxLabels.Owner(container.Labels)?.Judge() switch
        {
            OwnerState.Alive => false,
            OwnerState.Gone => true,
            _ => SandboxLabels.TimeLimit(container.Labels) is { } limit && now > container.Created + limit + Slack,
        };
}
