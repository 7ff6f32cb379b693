using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Sandbox.Tests.Setup;

/// <summary>What a test expects of a run's end.</summary>
internal static class Verdicts
{
    /// <summary>The run ended as it should, with these errors and no others.</summary>
    public static void AssertVerdict(Verdict verdict, int exitCode, AgentRunResult result, params string[] errors)
    {
        string found = string.Join('\n', result.Diagnostics);
        Assert.AreEqual(verdict, result.Verdict, found);
        Assert.AreEqual(exitCode, result.ExitCode);
        CollectionAssert.AreEqual(
            errors,
            result
                .Diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)
                .Select(diagnostic => diagnostic.Code)
                .ToArray(),
            found
        );
    }
}
