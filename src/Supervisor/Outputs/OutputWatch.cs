using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.Outputs;

/// <summary>
/// Measures the output folder by one rule, while the agent runs and once it has ended, whatever file system the folder lies on.
/// The figures of a look that passed a bound are kept: what the agent deletes later does not undo it.
/// </summary>
internal sealed class OutputWatch(LaunchSpec spec)
{
    // From this part of the bound on, the host is told without delay.
    private const double NearBound = 0.9;

    private OutputsFound? _passed;

    /// <summary>Looks at the folder.</summary>
    public OutputsFound Measure()
    {
        int files = 0;
        long bytes = 0;
        bool isWhole = OutputFolder.Measure(spec.OutputPath, spec.MaxOutputFiles, entry =>
        {
            if (entry.Kind == OutputEntryKind.File)
            {
                files++;
                bytes = OutputFolder.SaturatingAdd(bytes, entry.Size);
            }

            return bytes <= spec.MaxOutputBytes;
        });
        OutputsFound found = new(
            files,
            bytes,
            isWhole ? OutputBound.None
                : bytes > spec.MaxOutputBytes ? OutputBound.Bytes
                : OutputBound.Entries
        );
        if (!isWhole)
        {
            _passed ??= found;
        }

        return found;
    }

    /// <summary>Looks at the folder a last time; a bound that was passed before counts as passed.</summary>
    public OutputsFound Conclude()
    {
        OutputsFound found = Measure();
        return _passed ?? found;
    }

    /// <summary>Whether the bytes found are almost as many as are allowed.</summary>
    public bool IsNear(OutputsFound found) => found.Bytes > 0 && found.Bytes >= spec.MaxOutputBytes * NearBound;
}
