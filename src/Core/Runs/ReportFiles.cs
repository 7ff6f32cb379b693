namespace IsolatedAgents.Runs;

/// <summary>The reports of a run, by absolute path. Each is null where it was not asked for or could not be written.</summary>
public sealed record ReportFiles
{
    /// <summary>Findings as SARIF 2.1.0.</summary>
    public string? Sarif { get; init; }

    /// <summary>The verdict as JUnit XML.</summary>
    public string? JUnit { get; init; }

    /// <summary>The run as Markdown.</summary>
    public string? Summary { get; init; }

    /// <summary>The run as one HTML page that loads nothing.</summary>
    public string? Html { get; init; }

    /// <summary>The in-toto statement in a DSSE envelope.</summary>
    public string? Attestation { get; init; }
}
