using System.Collections.Frozen;
using IsolatedAgents.Engines;
using IsolatedAgents.Sandbox;

namespace IsolatedAgents.CleanUp;

/// <summary>
/// Removes what one run has left, whose process is known to be gone: its container, its channel's folder, and outputs that were not put in
/// place.
/// </summary>
internal sealed class SessionCleaner(FrozenDictionary<string, string> hostEnvironment)
{
    /// <summary>Removes it.</summary>
    /// <param name="sessionId">The run.</param>
    /// <param name="channelParents">Where the channel's folder may be.</param>
    /// <param name="output">The output directory; null where the run had none.</param>
    /// <param name="cancellationToken">Ends the work between two removals.</param>
    /// <exception cref="EngineException">No engine answers, or it does not say what it has.</exception>
    public async Task<IReadOnlyList<Leftover>> RunAsync(
        string sessionId,
        IEnumerable<string> channelParents,
        string? output,
        CancellationToken cancellationToken
    )
    {
        List<Leftover> leftovers =
        [
            .. channelParents
                .Select(parent => Path.Combine(parent, ChannelFolder.NamePrefix + sessionId))
                .Where(Directory.Exists)
                .Select(RemoveFolder),
        ];
        if (output is not null)
        {
            leftovers.AddRange(RestoreOutput(output, sessionId));
        }

        using IContainerEngine engine = await new EngineLocator(hostEnvironment)
            .ConnectAsync(EngineKind.Auto, cancellationToken)
            .ConfigureAwait(false);
        foreach (
            FoundContainer container in await engine
                .FindContainersAsync($"{SandboxLabels.Session}={sessionId}", cancellationToken)
                .ConfigureAwait(false)
        )
        {
            leftovers.Add(
                new Leftover(
                    "container",
                    container.Id,
                    engine.Description.Name,
                    await engine.RemoveContainerAsync(container.Id, cancellationToken).ConfigureAwait(false)
                )
            );
        }

        return leftovers;
    }

    // A process that is killed between the two renames of a replacement leaves the earlier outputs under another name.
    private static IEnumerable<Leftover> RestoreOutput(string output, string sessionId)
    {
        string folder = Path.TrimEndingDirectorySeparator(output);
        string? parent = Path.GetDirectoryName(folder);
        if (parent is null || !Directory.Exists(parent))
        {
            yield break;
        }

        string name = Path.GetFileName(folder);
        foreach (string aside in Directory.GetDirectories(parent, $"{name}.replaced-{sessionId}-*"))
        {
            if (Directory.Exists(folder))
            {
                yield return RemoveFolder(aside);
            }
            else
            {
                Directory.Move(aside, folder);
            }
        }

        string staging = $"{folder}.partial-{sessionId}";
        if (Directory.Exists(staging))
        {
            yield return RemoveFolder(staging);
        }
    }

    private static Leftover RemoveFolder(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
            return new Leftover("folder", path, null, null);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return new Leftover("folder", path, null, failure.Message);
        }
    }
}
