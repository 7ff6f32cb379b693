namespace IsolatedAgents.Diagnostics;

/// <summary>How a <see cref="Diagnostic"/> counts.</summary>
public enum DiagnosticSeverity
{
    /// <summary>Told, and nothing fails because of it.</summary>
    Warning,

    /// <summary>The run, and so the build step, failed because of it.</summary>
    Error,
}

/// <summary>One line for a person: what went wrong, where, and what to do about it.</summary>
/// <param name="Code">A row of <see cref="DiagnosticTable"/>, such as <c>IA1001</c>.</param>
/// <param name="Severity">Whether the run failed because of it.</param>
/// <param name="Message">One line, at most 1,000 characters; values from outside stand in single quotes.</param>
public sealed record Diagnostic(string Code, DiagnosticSeverity Severity, string Message)
{
    /// <summary>The file the cause stands in; <see langword="null"/> when the place is the step itself.</summary>
    public string? File { get; init; }

    /// <summary>Line in <see cref="File"/>, from 1; 0 when unknown.</summary>
    public int Line { get; init; }

    /// <summary>Column in <see cref="File"/>, from 1, in characters; 0 when unknown.</summary>
    public int Column { get; init; }

    /// <summary>The address of the page that explains the code.</summary>
    public string HelpLink => DiagnosticTable.HelpLink(Code);

    /// <summary>The canonical form that build tools and editors recognise: <c>file(line,column): error CODE: message</c>.</summary>
    public override string ToString()
    {
        string severity = Severity == DiagnosticSeverity.Error ? "error" : "warning";
        string place = (File, Line, Column) switch
        {
            (null, _, _) => "",
            (_, 0, _) => $"{File}: ",
            (_, _, 0) => $"{File}({Line}): ",
            _ => $"{File}({Line},{Column}): ",
        };
        return $"{place}{severity} {Code}: {Message}";
    }
}
