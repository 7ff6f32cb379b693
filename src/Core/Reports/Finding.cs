using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Reports;

/// <summary>The place that a reader of a report should look at.</summary>
/// <param name="File">Path below the source root, with forward slashes; absolute where it lies elsewhere.</param>
/// <param name="Line">From 1; 0 when unknown.</param>
/// <param name="Column">From 1; 0 when unknown.</param>
internal sealed record Place(string File, int Line, int Column);

/// <summary>One thing that a person should know of a run: an error, a warning, or a violation.</summary>
/// <param name="Code">A row of <see cref="DiagnosticTable"/>.</param>
/// <param name="Level">How it counts.</param>
/// <param name="Message">One line; may hold text of the agent's, in which nothing is escaped for any format.</param>
internal sealed record Finding(string Code, FindingLevel Level, string Message)
{
    /// <summary>The place to look at; null when no file is concerned.</summary>
    public Place? Place { get; init; }

    /// <summary>The violation; null where it is none.</summary>
    public FoundViolation? Violation { get; init; }
}

/// <summary>How a finding counts. Order is from the worst.</summary>
internal enum FindingLevel
{
    /// <summary>The run failed because of it.</summary>
    Error,

    /// <summary>Told, and nothing fails because of it.</summary>
    Warning,

    /// <summary>Expected by the policy.</summary>
    Note,
}
