namespace IsolatedAgents.Examination;

/// <summary>How good something is for running agents.</summary>
internal enum FindingState
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>Runs are possible, at a cost.</summary>
    Warning,

    /// <summary>No run is possible.</summary>
    Missing,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Check">What it is.</param>
/// <param name="State">How good it is.</param>
/// <param name="Found">What was found.</param>
/// <param name="Cost">What that costs; null where it is as it should be.</param>
/// <param name="Remedy">What to do; null likewise.</param>
internal sealed record Finding(string Check, FindingState State, string Found, string? Cost = null, string? Remedy = null);
