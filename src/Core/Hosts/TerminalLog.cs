using System.Collections.Immutable;
using IsolatedAgents.Execution;
using IsolatedAgents.Reports;
using IsolatedAgents.Telemetry;

namespace IsolatedAgents.Hosts;

/// <summary>
/// A terminal that a person looks at: the run's summary closes the trees, and the errors follow in the form that editors know.
/// </summary>
/// <param name="output">The terminal.</param>
/// <param name="error">Standard error.</param>
/// <param name="capabilities">What the terminal can show.</param>
/// <param name="columns">Gives the width of its window in cells; null where it is not known.</param>
internal sealed class TerminalLog(TextWriter output, TextWriter error, RichCapabilities capabilities, Func<int?> columns) : IHostLog
{
    private const int UsualColumns = 80;

    private readonly PlainLog _errors = new(error);

    public void Mask(ImmutableArray<string> secrets) { }

    public void Begin(Phase phase) { }

    public void End() { }

    public void Report(RunOutcome outcome)
    {
        if (outcome.Report is { Timeline.Length: > 0 } report)
        {
            new TerminalSummary(report, capabilities, columns() ?? UsualColumns).Write(output);
        }

        _errors.Report(outcome);
    }
}
