using IsolatedAgents.Diagnostics;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Reading;

/// <summary>The source of a value, for messages about it: a place in a file, or the parameter as it was typed.</summary>
internal sealed record PolicySource
{
    private PolicySource() { }

    /// <summary>The file as the user named it.</summary>
    public string? File { get; private init; }

    /// <summary>The parameter as the user typed it.</summary>
    public string? ParameterName { get; private init; }

    public static PolicySource FromFile(string file) => new() { File = file };

    public static PolicySource FromParameter(string parameterName) => new() { ParameterName = parameterName };

    /// <summary>The exception to throw for trouble at <paramref name="position"/>.</summary>
    public ConfigurationException Error(TextPosition position, string message)
    {
        if (ParameterName is not null)
        {
            return new ConfigurationException(DiagnosticTable.Parameters, $"Parameter '{QuotedText.Of(ParameterName)}': {message}");
        }

        return new ConfigurationException(
            new Diagnostic(DiagnosticTable.Policy, DiagnosticSeverity.Error, message)
            {
                File = File,
                Line = position.Line,
                Column = position.Column,
            }
        );
    }
}
