namespace IsolatedAgents.Policies.Rules;

/// <summary>Globs of a policy.</summary>
internal static class GlobPatterns
{
    /// <summary>Accepts a glob over paths below the workspace.</summary>
    public static Checked<string> CheckRelative(string glob)
    {
        if (CharacterRules.Problem(glob, allowBlanks: true) is { } problem)
        {
            return Checked<string>.Refused(problem);
        }

        if (glob[0] == '/' || glob.Contains('\\', StringComparison.Ordinal))
        {
            return Checked<string>.Refused("a glob is relative to the workspace and uses '/'; write it such as '.github/**'");
        }

        string[] parts = glob.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Contains("..", StringComparer.Ordinal))
        {
            return Checked<string>.Refused("it holds '..', but nothing outside the workspace is writable; leave the entry out");
        }

        return string.Join('/', parts.Where(part => part != "."));
    }

    /// <summary>Accepts a glob over the subjects of violations: paths, endpoints or names of system calls.</summary>
    public static Checked<string> CheckSubject(string glob) =>
        CharacterRules.Problem(glob, allowBlanks: true) is { } problem ? Checked<string>.Refused(problem) : glob;
}
