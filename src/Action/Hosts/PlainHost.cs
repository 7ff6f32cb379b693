using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.Hosts;

/// <summary>No build host: what a person must see goes to standard error, in the form that editors know.</summary>
internal sealed class PlainHost(TextWriter error) : IBuildHost
{
    public void Mask(ImmutableArray<string> secrets)
    {
    }

    public void Begin(Phase phase)
    {
    }

    public void End()
    {
    }

    public void Report(AgentRunResult result)
    {
        foreach (Diagnostic diagnostic in result.Diagnostics)
        {
            error.WriteLine(diagnostic.ToString());
        }
    }
}
