using System.Text;

namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>
/// The few of git's settings that decide what a repository ignores or does not show: git-config(1).
/// Of several values the last one holds; of those that hide something, any.
/// </summary>
/// <param name="home">The user's folder; null where it is not known.</param>
/// <param name="followsIncludes">Whether other files may be read that a file names: never where an agent may have written it.</param>
internal sealed class GitSettings(string? home, bool followsIncludes)
{
    private const int MaxIncludes = 10;
    private const int MaxBytes = 1024 * 1024;

    private readonly Dictionary<string, List<string>> _modulePaths = new(StringComparer.Ordinal);
    private readonly HashSet<string> _hiddenModules = new(StringComparer.Ordinal);
    private int _includes;

    /// <summary>core.excludesFile; null where it is not set.</summary>
    public string? ExcludesFile { get; private set; }

    /// <summary>core.ignoreCase.</summary>
    public bool IgnoresCase { get; private set; }

    /// <summary>extensions.objectFormat: whether names of objects are SHA-256.</summary>
    public bool IsSha256 { get; private set; }

    /// <summary>core.attributesFile; null where it is not set.</summary>
    public string? AttributesFile { get; private set; }

    /// <summary>attr.tree: attributes come from a commit, which is not read here.</summary>
    public bool HasAttributeTree { get; private set; }

    /// <summary>core.autocrlf: line ends of any file are another matter in the repository.</summary>
    public bool ConvertsLineEnds { get; private set; }

    /// <summary>core.fileMode: git does not see whether a file may be executed.</summary>
    public bool HidesModes { get; private set; }

    /// <summary>status.showUntrackedFiles: new files do not show.</summary>
    public bool HidesUntracked { get; private set; }

    /// <summary>diff.ignoreSubmodules: changes in submodules do not show.</summary>
    public bool HidesModules { get; private set; }

    /// <summary>Names of submodules of which some or all changes do not show.</summary>
    public IReadOnlyCollection<string> HiddenModules => _hiddenModules;

    /// <summary>The paths of a submodule, one for each value that was read.</summary>
    public IReadOnlyList<string> PathsOfModule(string name) => _modulePaths.GetValueOrDefault(name) ?? [];

    /// <summary>Takes a file, where there is one, and those that it includes. Conditions of an include are taken for met.</summary>
    /// <returns>Whether all of it was read, or there is none.</returns>
    public bool Read(string path)
    {
        try
        {
            FileInfo file = new(path);
            if (!file.Exists || file.Length > MaxBytes)
            {
                return !file.Exists;
            }

            Take(File.ReadAllText(path), path);
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Takes the text of a file.</summary>
    public void Take(string text, string path)
    {
        string section = "",
            name = "";
        foreach (
            string line in text.Replace("\\\r\n", "", StringComparison.Ordinal).Replace("\\\n", "", StringComparison.Ordinal).Split('\n')
        )
        {
            string trimmed = line.Trim();
            if (trimmed.StartsWith('['))
            {
                (section, name, trimmed) = Header(trimmed);
            }

            if (trimmed.Length > 0 && trimmed[0] is not ('#' or ';'))
            {
                Take(section, name, trimmed, path);
            }
        }
    }

    // [section], [section "name"] with \" and \\ in the name, and the old [section.name].
    private static (string Section, string Name, string Remainder) Header(string line)
    {
        int end = line.AsSpan(1).IndexOfAny(" \t\"]") is >= 0 and int found ? found + 1 : line.Length;
        string[] section = line[1..end].ToLowerInvariant().Split('.', 2);
        StringBuilder name = new(section.Length > 1 ? section[1] : "");
        int quote = line.IndexOf('"', end);
        if (quote >= 0 && string.IsNullOrWhiteSpace(line[end..quote]))
        {
            for (end = quote + 1; end < line.Length && line[end] != '"'; end++)
            {
                end += line[end] == '\\' && end + 1 < line.Length ? 1 : 0;
                name.Append(line[end]);
            }
        }

        int close = end < line.Length ? line.IndexOf(']', end) : -1;
        return (section[0], name.ToString(), close < 0 ? "" : line[(close + 1)..].Trim());
    }

    private void Take(string section, string name, string line, string path)
    {
        int equals = line.IndexOf('=', StringComparison.Ordinal);
        string key = (equals < 0 ? line : line[..equals]).Trim().ToLowerInvariant();
        string value = equals < 0 ? "true" : Value(line[(equals + 1)..].Trim());
        switch ($"{section}.{key}")
        {
            case "core.excludesfile":
                ExcludesFile = Expand(value);
                break;
            case "core.ignorecase":
                IgnoresCase = value.ToLowerInvariant() is "true" or "yes" or "on" or "1";
                break;
            case "core.attributesfile":
                AttributesFile = Expand(value);
                break;
            case "attr.tree":
                HasAttributeTree |= value.Length > 0;
                break;
            case "core.autocrlf":
                ConvertsLineEnds |= !IsOff(value);
                break;
            case "core.filemode":
                HidesModes |= IsOff(value);
                break;
            case "status.showuntrackedfiles":
                HidesUntracked |= IsOff(value);
                break;
            case "diff.ignoresubmodules":
                HidesModules |= value != "none";
                break;
            case "submodule.ignore" when value != "none":
                _hiddenModules.Add(name);
                break;
            case "submodule.path":
                _modulePaths.TryAdd(name, []);
                _modulePaths[name].Add(value.TrimEnd('/'));
                break;
            case "extensions.objectformat":
                IsSha256 = value == "sha256";
                break;
            case "include.path" or "includeif.path" when followsIncludes && _includes++ < MaxIncludes:
                Read(Path.Combine(Path.GetDirectoryName(path)!, Expand(value)));
                break;
        }
    }

    private static bool IsOff(string value) => value.ToLowerInvariant() is "false" or "no" or "off" or "0" or "";

    private string Expand(string path) =>
        home is not null && path.StartsWith("~/", StringComparison.Ordinal) ? Path.Combine(home, path[2..]) : path;

    private static string Value(string text)
    {
        StringBuilder value = new();
        bool isQuoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            char letter = text[i];
            if (letter == '"')
            {
                isQuoted = !isQuoted;
            }
            else if (letter == '\\' && i + 1 < text.Length)
            {
                value.Append(
                    text[++i] switch
                    {
                        'n' => '\n',
                        't' => '\t',
                        'b' => '\b',
                        char other => other,
                    }
                );
            }
            else if (!isQuoted && letter is ('#' or ';'))
            {
                break;
            }
            else
            {
                value.Append(letter);
            }
        }

        return isQuoted ? value.ToString() : value.ToString().TrimEnd();
    }
}
