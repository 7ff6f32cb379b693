using System.Collections.Frozen;
using IsolatedAgents.Changes;
using IsolatedAgents.Engines;
using IsolatedAgents.Sandbox;

namespace IsolatedAgents.CleanUp;

/// <summary>Removes everything that is ours and ownerless, from every engine that answers.</summary>
internal sealed class Cleaner(FrozenDictionary<string, string> hostEnvironment)
{
    /// <summary>Removes it, or only names it.</summary>
    /// <param name="kind">Which engines to look at: one kind, or all.</param>
    /// <param name="onlyLook">Whether to leave everything as it is.</param>
    /// <param name="cancellationToken">Ends the work between two removals.</param>
    /// <exception cref="EngineException">No engine answers, or one does not say what it has.</exception>
    public async Task<IReadOnlyList<Leftover>> RunAsync(EngineKind kind, bool onlyLook, CancellationToken cancellationToken)
    {
        List<Leftover> leftovers = [];
        HashSet<Uri> seen = [];
        EngineException? missing = null;
        foreach (EngineKind wanted in kind == EngineKind.Auto ? new[] { EngineKind.Docker, EngineKind.Podman } : [kind])
        {
            IContainerEngine engine;
            try
            {
                engine = await new EngineLocator(hostEnvironment).ConnectAsync(wanted, cancellationToken).ConfigureAwait(false);
            }
            catch (EngineException failure)
            {
                missing = failure;
                continue;
            }

            using (engine)
            {
                seen.Add(engine.Description.Address);
                leftovers.AddRange(await EngineSweep.RunAsync(engine, onlyLook, cancellationToken).ConfigureAwait(false));
            }
        }

        if (seen.Count == 0 && missing is not null)
        {
            throw missing;
        }

        leftovers.AddRange(
            ChangeRecovery.Run(onlyLook).Select(recovered => new Leftover("changes", recovered.Workspace, null, recovered.Problem))
        );
        leftovers.AddRange(
            ChannelFolder.FindOwnerless().Select(path => new Leftover("folder", path, null, onlyLook ? null : RemoveFolder(path)))
        );
        return leftovers;
    }

    private static string? RemoveFolder(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return failure.Message;
        }
    }
}
