using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Reports;

/// <summary>Joins a result's diagnostics and its violations to one list, each with a place that a reader can open.</summary>
/// <param name="request">What was asked for.</param>
/// <param name="loaded">The policy; null where none was valid.</param>
internal sealed class FindingList(AgentRunRequest request, LoadedPolicy? loaded)
{
    private static readonly ImmutableArray<string> ViolationCodes =
    [
        DiagnosticTable.FilesystemViolation,
        DiagnosticTable.NetworkViolation,
        DiagnosticTable.ProcessViolation,
        DiagnosticTable.OutputViolation,
    ];

    private readonly string _root = SourceRoot.Find(request.BaseDirectory);

    /// <summary>Worst first.</summary>
    public ImmutableArray<Finding> Create(ImmutableArray<Diagnostic> diagnostics, ImmutableArray<FoundViolation> violations)
    {
        List<Finding> findings = [.. diagnostics.Where(diagnostic => !ViolationCodes.Contains(diagnostic.Code)).Select(Of)];
        bool isError = loaded?.Policy.FailOn.HasFlag(FailureConditions.Violation) == true;
        findings.AddRange(violations.OrderBy(violation => ViolationKinds.Rank(violation.Kind)).Select(violation => Of(violation, isError)));
        return [.. findings.OrderBy(finding => finding.Level)];
    }

    private Finding Of(Diagnostic diagnostic) =>
        new(
            diagnostic.Code,
            diagnostic.Severity == DiagnosticSeverity.Error ? FindingLevel.Error : FindingLevel.Warning,
            diagnostic.Message
        )
        {
            Place =
                diagnostic.File is { } file ? Named(file, diagnostic.Line, diagnostic.Column)
                : diagnostic.Code is DiagnosticTable.AgentExitCode or DiagnosticTable.AgentSignal ? AgentFile()
                : DiagnosticRows.KeyOf(diagnostic.Code) is { } key ? KeyPlace(key)
                : null,
        };

    private Finding Of(FoundViolation violation, bool isError)
    {
        string code = ViolationKinds.Code(violation.Kind);
        return new Finding(
            code,
            violation.IsExpected ? FindingLevel.Note
                : isError ? FindingLevel.Error
                : FindingLevel.Warning,
            $"{DiagnosticTable.Titles[code]}: '{violation.Subject}': {violation.Reason}. {violation.Action}."
        )
        {
            Place = KeyPlace(violation.Rule) ?? PolicyFile() ?? AgentFile(),
            Violation = violation,
        };
    }

    // A key, or the object that it would stand in.
    private Place? KeyPlace(string key)
    {
        for (string at = key; at.Length > 0; at = at.Contains('.', StringComparison.Ordinal) ? at[..at.LastIndexOf('.')] : "")
        {
            if (loaded?.PositionOf(at) is { File: { } file, Line: var line, Column: var column })
            {
                return Named(file, line, column);
            }
        }

        return null;
    }

    private Place? PolicyFile() => loaded?.File is { } file ? Named(file, 1, 0) : null;

    private Place? AgentFile()
    {
        string? path = request.Agent is { Length: > 0 } agent ? Path.GetFullPath(agent, request.BaseDirectory) : null;
        return path is not null && File.Exists(path) ? Named(path, 1, 0) : null;
    }

    private Place Named(string file, int line, int column) =>
        new(SourceRoot.Name(_root, Path.GetFullPath(file, request.BaseDirectory)), line, column);
}
