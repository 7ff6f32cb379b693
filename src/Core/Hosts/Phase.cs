using IsolatedAgents.Events;

namespace IsolatedAgents.Hosts;

/// <summary>A part of a run that a log folds.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Percent">How much of the run is over when it begins.</param>
internal sealed record Phase(string Title, int Percent)
{
    private static readonly Phase Preparation = new("Prepare the sandbox", 0);
    private static readonly Phase Installation = new("Install dependencies", 20);
    private static readonly Phase Execution = new("Run the agent", 30);
    private static readonly Phase Collection = new("Collect outputs and clean up", 90);

    /// <summary>The one that any run begins with.</summary>
    public static Phase First => Preparation;

    /// <summary>The phase that an event belongs to; null where it may be in any.</summary>
    public static Phase? Of(TelemetryEvent raised) =>
        raised.Descriptor.Id switch
        {
            < 200 => Preparation,
            < 300 => Installation,
            < 600 => Execution,
            >= 800 and < 903 => Collection,
            // Violations and time limits come with the agent; what a limit left out may come at any time.
            < 800 => raised is ViolationOutput ? Collection : Execution,
            _ => null,
        };
}
