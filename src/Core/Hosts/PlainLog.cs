using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Execution;

namespace IsolatedAgents.Hosts;

/// <summary>No build host: what a person must see goes to standard error, in the form that editors know.</summary>
internal sealed class PlainLog(TextWriter error) : IHostLog
{
    public void Mask(ImmutableArray<string> secrets) { }

    public void Begin(Phase phase) { }

    public void End() { }

    public void Report(RunOutcome outcome)
    {
        foreach (Diagnostic diagnostic in outcome.Result.Diagnostics)
        {
            error.WriteLine(diagnostic.ToString());
        }
    }
}
