using IsolatedAgents.Engines;

namespace IsolatedAgents.CleanUp;

/// <summary>
/// The sweep that goes along with a run, beside it: while the engine starts a sandbox there is nothing else to do. Once in a while for each
/// engine, since a build that runs a hundred agents need not look a hundred times; its troubles are never the run's.
/// </summary>
internal sealed class StartSweep : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _deadline = new();
    private readonly Task<IReadOnlyList<Leftover>> _sweeping;

    private StartSweep(IContainerEngine engine, EngineMemory memory) =>
        _sweeping = memory.IsSweepDue(engine.Description.Address) ? SweepAsync(engine) : Task.FromResult<IReadOnlyList<Leftover>>([]);

    /// <summary>Begins it, unless the engine was swept lately.</summary>
    public static StartSweep Begin(IContainerEngine engine, EngineMemory memory) => new(engine, memory);

    /// <summary>Gives the things it removed. A run that is over waits only for a removal that has begun, and not for long.</summary>
    public Task<IReadOnlyList<Leftover>> EndAsync()
    {
        _deadline.CancelAfter(Patience);
        return _sweeping;
    }

    public void Dispose() => _deadline.Dispose();

    private async Task<IReadOnlyList<Leftover>> SweepAsync(IContainerEngine engine)
    {
        try
        {
            return await EngineSweep.RunAsync(engine, onlyLook: false, _deadline.Token).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is EngineException or OperationCanceledException)
        {
            // The next one looks again.
            return [];
        }
    }
}
