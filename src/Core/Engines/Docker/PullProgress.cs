using Docker.DotNet.Models;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// Turns the engine's stream of layer figures into a few lines: called in order on the reading thread, unlike <see cref="Progress{T}"/>.
/// </summary>
internal sealed class PullProgress(IProgress<string> lines, Action heard) : IProgress<JSONMessage>
{
    private const long StepPercent = 25;

    private readonly Dictionary<string, (long Current, long Total)> _layers = [];
    private long _reported;

    /// <summary>The engine's error. Once it has begun to answer, it can report an error only in the stream.</summary>
    public string? Failure { get; private set; }

    public void Report(JSONMessage value)
    {
        heard();
        Failure ??= value.Error?.Message ?? value.ErrorMessage;
        if (value.ID is null || value.Progress is not { Total: > 0 } progress || value.Status != "Downloading")
        {
            return;
        }

        _layers[value.ID] = (progress.Current, progress.Total);
        long percent = _layers.Values.Sum(layer => layer.Current) * 100 / _layers.Values.Sum(layer => layer.Total);
        if (percent >= _reported + StepPercent)
        {
            _reported = percent;
            lines.Report($"Pulling ({percent}%)");
        }
    }
}
