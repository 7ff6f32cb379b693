namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>Names of files that git reads.</summary>
internal static class GitNames
{
    /// <summary>Patterns of what is ignored.</summary>
    public const string Patterns = ".gitignore";

    /// <summary>What git does with files of certain names.</summary>
    public const string Attributes = ".gitattributes";

    /// <summary>Where submodules lie, and what of them git shows.</summary>
    public const string Modules = ".gitmodules";

    /// <summary>Whether a path ends with one of these names.</summary>
    public static bool Is(string path, string name) => path == name || path.EndsWith("/" + name, StringComparison.Ordinal);
}
