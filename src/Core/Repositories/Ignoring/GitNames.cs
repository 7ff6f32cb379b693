namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>Names of files that git reads.</summary>
internal static class GitNames
{
    /// <summary>Patterns of what is ignored.</summary>
    public const string Patterns = ".gitignore";

    /// <summary>The files whose names mean something to git.</summary>
    public const string Attributes = ".gitattributes";

    /// <summary>The file that lists submodules and says which of their changes git shows.</summary>
    public const string Modules = ".gitmodules";

    /// <summary>Whether a path ends with one of these names.</summary>
    public static bool Is(string path, string name) => path == name || path.EndsWith("/" + name, StringComparison.Ordinal);
}
