namespace IsolatedAgents.Diagnostics;

/// <summary>The request is wrong on any machine. Thrown before anything is created.</summary>
public sealed class ConfigurationException : Exception
{
    /// <summary>Wraps the one diagnostic that says what is wrong.</summary>
    public ConfigurationException(Diagnostic diagnostic)
        : base(diagnostic?.Message)
    {
        ArgumentNullException.ThrowIfNull(diagnostic);
        Diagnostic = diagnostic;
    }

    /// <summary>Wraps a diagnostic that has no place in a file.</summary>
    /// <param name="code">A row of <see cref="DiagnosticTable"/>.</param>
    /// <param name="message">One line: what was found, what was expected, what to do.</param>
    public ConfigurationException(string code, string message)
        : this(new Diagnostic(code, DiagnosticSeverity.Error, message)) { }

    /// <summary>The error: its cause, its place, and the remedy.</summary>
    public Diagnostic Diagnostic { get; }
}
