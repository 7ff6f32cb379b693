namespace IsolatedAgents.Supervisor.Launching;

/// <summary>Where a program may lie, as a shell would look for it.</summary>
internal static class ProgramPath
{
    private const string PathVariable = "PATH=";
    private const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    public static IEnumerable<string> Candidates(string program, IEnumerable<string> environment)
    {
        if (program.Contains('/', StringComparison.Ordinal))
        {
            yield return program;
            yield break;
        }

        string? entry = environment.LastOrDefault(variable => variable.StartsWith(PathVariable, StringComparison.Ordinal));
        foreach (string folder in (entry?[PathVariable.Length..] ?? DefaultPath).Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            yield return folder.EndsWith('/') ? folder + program : $"{folder}/{program}";
        }
    }
}
