using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Core.Tests.Generation;

/// <summary>The parts of the package's targets that follow from tables.</summary>
internal static class TargetsFile
{
    private const string Path = "src/Tasks/build/IsolatedAgents.Tasks.targets";
    private const string Indent = "                      ";

    /// <summary>An item's metadata, handed to the task.</summary>
    public static GeneratedFile Parameters { get; } =
        new(Path, "PolicyKeys", [.. PolicyKeys.All.Select(key => $"\n{Line(key)}\n")], text =>
            GeneratedFile.ReplaceBetween(
                text,
                $"{Indent}Environment=\"%(IsolatedAgent.Environment)\"\n",
                $"{Indent}BaseDirectory=",
                PolicyKeys.All.Select(Line)
            )
        );

    /// <summary>The codes that <c>TreatWarningsAsErrors</c> reaches: all, so that none that becomes a warning is forgotten.</summary>
    public static GeneratedFile Warnings { get; } =
        new(Path, "DiagnosticRows", [.. DiagnosticRows.All.Select(row => row.Code)], text =>
            GeneratedFile.ReplaceBetween(
                text,
                "<!-- All codes of the product, from its table. -->\n",
                "    <!-- Without those that",
                [$"    <_IsolatedAgentsWarnings>{string.Join(';', DiagnosticRows.All.Select(row => row.Code))}</_IsolatedAgentsWarnings>"]
            )
        );

    private static string Line(PolicyKey key) => $"{Indent}{key.PascalName}=\"%(IsolatedAgent.{key.PascalName})\"";
}
