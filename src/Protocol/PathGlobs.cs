namespace IsolatedAgents.Protocol;

/// <summary>
/// Globs over paths below the workspace. Each holds at any depth, as if <c>**/</c> stood before it, and covers what it names with all that is below: <c>.git/hooks</c> covers
/// <c>module/.git/hooks/pre-commit</c>. <c>*</c> and <c>?</c> stay within a name; <c>**</c> stands for any number of folders.
/// </summary>
/// <param name="globs">With forward slashes. A byte or a character of theirs is compared with one of the path's.</param>
/// <param name="isLoose">
/// Whether a name also counts that some file system takes for the same: in another case (ASCII), with blanks or points at its end, with a stream behind a colon,
/// or by its short form. For what must not be written, not for what may be.
/// </param>
internal sealed class PathGlobs(IReadOnlyCollection<string> globs, bool isLoose)
{
    private const string AnyFolders = "**";
    private const string GitFolder = ".git";
    private const string GitShortName = "git~";

    private readonly string[][] _globs = [.. globs.Select(Split)];

    /// <summary>Whether a glob names <paramref name="path"/> or a folder above it.</summary>
    public bool Covers(string path)
    {
        string[] names = Names(path);
        return Array.Exists(_globs, glob => IsAnywhere(glob, names, isPrefix: false));
    }

    /// <summary>Whether <paramref name="path"/> is a folder that a glob names on its way: to move it, or to put another in its place, moves or makes what the glob covers.</summary>
    public bool LeadsTo(string path)
    {
        string[] names = Names(path);
        return Array.Exists(_globs, glob => IsAnywhere(glob, names, isPrefix: true));
    }

    // What any depth and everything below stand for already is left out.
    private static string[] Split(string glob)
    {
        Span<string> parts = glob.Split('/', StringSplitOptions.RemoveEmptyEntries);
        while (parts is [AnyFolders, ..])
        {
            parts = parts[1..];
        }

        while (parts is [.., AnyFolders])
        {
            parts = parts[..^1];
        }

        return parts.ToArray();
    }

    private string[] Names(string path)
    {
        string[] names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; isLoose && i < names.Length; i++)
        {
            names[i] = Normalize(names[i]);
        }

        return names;
    }

    private static string Normalize(string name)
    {
        int colon = name.IndexOf(':', StringComparison.Ordinal);
        ReadOnlySpan<char> plain = (colon > 0 ? name.AsSpan(0, colon) : name).TrimEnd(" .");
        return plain.StartsWith(GitShortName, StringComparison.OrdinalIgnoreCase) && plain.Length > GitShortName.Length && plain[GitShortName.Length..].IndexOfAnyExceptInRange('0', '9') < 0
            ? GitFolder
            : plain.Length == name.Length || plain.IsEmpty ? name : plain.ToString();
    }

    private bool IsAnywhere(string[] glob, string[] names, bool isPrefix)
    {
        for (int start = 0; start <= names.Length; start++)
        {
            if (isPrefix ? start < names.Length && IsOnTheWay(glob, names.AsSpan(start)) : IsAtOrBelow(glob, names.AsSpan(start)))
            {
                return true;
            }
        }

        return false;
    }

    private bool IsAtOrBelow(ReadOnlySpan<string> glob, ReadOnlySpan<string> names)
    {
        if (glob.IsEmpty)
        {
            return true;
        }

        if (glob[0] == AnyFolders)
        {
            return IsAtOrBelow(glob[1..], names) || (!names.IsEmpty && IsAtOrBelow(glob, names[1..]));
        }

        return !names.IsEmpty && Matches(glob[0], names[0]) && IsAtOrBelow(glob[1..], names[1..]);
    }

    private bool IsOnTheWay(ReadOnlySpan<string> glob, ReadOnlySpan<string> names)
    {
        if (names.IsEmpty)
        {
            return !glob.IsEmpty;
        }

        return !glob.IsEmpty && (glob[0] == AnyFolders || (Matches(glob[0], names[0]) && IsOnTheWay(glob[1..], names[1..])));
    }

    // Goes back to the last star only, which suffices: no recursion that a name could make long.
    private bool Matches(ReadOnlySpan<char> glob, ReadOnlySpan<char> name)
    {
        int at = 0, star = -1, resume = 0;
        for (int i = 0; i < name.Length;)
        {
            if (at < glob.Length && glob[at] == '*')
            {
                star = at++;
                resume = i;
            }
            else if (at < glob.Length && (glob[at] == '?' || IsSame(glob[at], name[i])))
            {
                at++;
                i++;
            }
            else if (star >= 0)
            {
                at = star + 1;
                i = ++resume;
            }
            else
            {
                return false;
            }
        }

        return glob[at..].IndexOfAnyExcept('*') < 0;
    }

    private bool IsSame(char left, char right) => left == right || (isLoose && char.IsAsciiLetter(left) && (left | 0x20) == (right | 0x20));
}
