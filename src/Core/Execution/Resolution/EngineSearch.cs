using System.Runtime.ExceptionServices;
using IsolatedAgents.Engines;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>
/// The engine and the image of a run, looked for before anything is recorded, so that the record can begin with what is run. What went
/// wrong comes up when they are used.
/// </summary>
internal sealed class EngineSearch : IDisposable
{
    private readonly IContainerEngine? _engine;
    private readonly ExceptionDispatchInfo? _failure;

    private EngineSearch(IContainerEngine? engine, ImageDescription? image, Exception? failure)
    {
        _engine = engine;
        _failure = failure is null ? null : ExceptionDispatchInfo.Capture(failure);
        Image = image;
    }

    /// <summary>The image; null where the engine does not have it, or was not asked for it.</summary>
    public ImageDescription? Image { get; }

    /// <summary>Why one of them could not be looked for; null where both could.</summary>
    public string? Problem => _failure?.SourceException.Message;

    /// <summary>Looks for both. Never throws.</summary>
    public static async Task<EngineSearch> BeginAsync(
        EngineLocator locator,
        EngineKind kind,
        string image,
        CancellationToken cancellationToken
    )
    {
        IContainerEngine? engine = null;
        try
        {
            engine = await locator.ConnectAsync(kind, cancellationToken).ConfigureAwait(false);
            return new EngineSearch(engine, await engine.FindImageAsync(image, cancellationToken).ConfigureAwait(false), null);
        }
        catch (Exception failure) when (failure is EngineException or OperationCanceledException)
        {
            return new EngineSearch(engine, null, failure);
        }
    }

    /// <summary>The engine.</summary>
    /// <exception cref="EngineException">None answers.</exception>
    /// <exception cref="OperationCanceledException">The caller did not wait for it.</exception>
    public IContainerEngine RequireEngine()
    {
        if (_engine is null)
        {
            _failure!.Throw();
        }

        return _engine;
    }

    /// <summary>Brings up why the engine could not be asked for the image.</summary>
    public void ThrowIfFailed() => _failure?.Throw();

    public void Dispose() => _engine?.Dispose();
}
