using System.Collections.Immutable;
using System.Globalization;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Execution;
using IsolatedAgents.Reports;
using IsolatedAgents.Text;

namespace IsolatedAgents.Hosts;

/// <summary>One note that a host shows beside a file or a step.</summary>
/// <param name="IsError">Whether it is an error or a warning.</param>
/// <param name="Code">A row of the code table; empty for a count of others.</param>
/// <param name="Text">One line, in which nothing can give orders to a host.</param>
/// <param name="Place">Where it belongs; null for the step.</param>
internal sealed record Annotation(bool IsError, string Code, string Text, Place? Place)
{
    /// <summary>The code's meaning.</summary>
    public string Title => DiagnosticTable.Titles.TryGetValue(Code, out string? title) ? title : "Isolated agent";
}

/// <summary>
/// Chooses what a host is shown: worst first, and within the number that it keeps, so that what it would drop is at least counted.
/// </summary>
internal static class Annotations
{
    /// <summary>How many of a kind a host keeps of one step.</summary>
    public const int Limit = 10;

    // Hosts cut at 4,096.
    private const int MaxText = 3000;

    /// <summary>The annotations of a run.</summary>
    public static ImmutableArray<Annotation> Of(RunOutcome outcome)
    {
        ImmutableArray<Finding> findings = outcome.Report?.Findings
            ??
            [
                .. outcome.Result.Diagnostics.Select(diagnostic => new Finding(
                    diagnostic.Code,
                    diagnostic.Severity == DiagnosticSeverity.Error ? FindingLevel.Error : FindingLevel.Warning,
                    diagnostic.Message
                )),
            ];
        long omitted = outcome.Report?.OmittedViolations ?? 0;
        return
        [
            .. Choose(findings.Where(finding => finding.Level == FindingLevel.Error), isError: true, omitted),
            .. Choose(findings.Where(finding => finding.Level == FindingLevel.Warning), isError: false, 0),
        ];
    }

    private static IEnumerable<Annotation> Choose(IEnumerable<Finding> findings, bool isError, long omitted)
    {
        Finding[] all = [.. findings];
        bool isTooMany = all.Length + (omitted > 0 ? 1 : 0) > Limit;
        foreach (Finding finding in isTooMany ? all[..Math.Min(all.Length, Limit - 1)] : all)
        {
            string text = UntrustedText.Display(finding.Message);
            yield return new Annotation(isError, finding.Code, text.Length > MaxText ? text[..MaxText] + "…" : text, finding.Place);
        }

        if (isTooMany)
        {
            long more = all.Length - Math.Min(all.Length, Limit - 1) + omitted;
            yield return new Annotation(
                isError,
                "",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{more} more {(isError ? "errors" : "warnings")}; the summary and the reports list them."
                ),
                null
            );
        }
    }
}
