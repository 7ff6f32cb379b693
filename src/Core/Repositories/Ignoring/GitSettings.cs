using System.Text;

namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>The few of git's settings that decide what a repository ignores: git-config(1). Of several values the last one holds.</summary>
/// <param name="home">The user's folder; null where it is not known.</param>
internal sealed class GitSettings(string? home)
{
    private const int MaxIncludes = 10;
    private const int MaxBytes = 1024 * 1024;

    private int _includes;

    /// <summary>core.excludesFile; null where it is not set.</summary>
    public string? ExcludesFile { get; private set; }

    /// <summary>core.ignoreCase.</summary>
    public bool IgnoresCase { get; private set; }

    /// <summary>extensions.objectFormat: whether names of objects are SHA-256.</summary>
    public bool IsSha256 { get; private set; }

    /// <summary>Takes a file, where there is one, and those that it includes. Conditions of an include are taken for met.</summary>
    public void Read(string path)
    {
        string text;
        try
        {
            FileInfo file = new(path);
            if (!file.Exists || file.Length > MaxBytes)
            {
                return;
            }

            text = File.ReadAllText(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return;
        }

        string section = "";
        foreach (string line in text.Replace("\\\r\n", "", StringComparison.Ordinal).Replace("\\\n", "", StringComparison.Ordinal).Split('\n'))
        {
            string trimmed = line.Trim();
            if (trimmed.StartsWith('['))
            {
                int end = trimmed.IndexOf(']', StringComparison.Ordinal);
                section = trimmed[1..(end < 0 ? trimmed.Length : end)].Split([' ', '\t', '"'], 2)[0].ToLowerInvariant();
                trimmed = end < 0 ? "" : trimmed[(end + 1)..].Trim();
            }

            if (trimmed.Length > 0 && trimmed[0] is not ('#' or ';'))
            {
                Take(section, trimmed, path);
            }
        }
    }

    private void Take(string section, string line, string path)
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
            case "extensions.objectformat":
                IsSha256 = value == "sha256";
                break;
            case "include.path" or "includeif.path" when _includes++ < MaxIncludes:
                Read(Path.Combine(Path.GetDirectoryName(path)!, Expand(value)));
                break;
        }
    }

    private string Expand(string path) => home is not null && path.StartsWith("~/", StringComparison.Ordinal) ? Path.Combine(home, path[2..]) : path;

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
                value.Append(text[++i] switch { 'n' => '\n', 't' => '\t', 'b' => '\b', char other => other });
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
