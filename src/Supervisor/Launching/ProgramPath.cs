using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>Finds a program as a shell would, in the folders of PATH.</summary>
internal static class ProgramPath
{
    private const string PathVariable = "PATH=";

    public static IEnumerable<string> Candidates(string program, IEnumerable<string> environment)
    {
        if (program.Contains('/', StringComparison.Ordinal))
        {
            yield return program;
            yield break;
        }

        string? entry = environment.LastOrDefault(variable => variable.StartsWith(PathVariable, StringComparison.Ordinal));
        foreach (string folder in (entry?[PathVariable.Length..] ?? AgentPath.Default).Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            yield return folder.EndsWith('/') ? folder + program : $"{folder}/{program}";
        }
    }
}
