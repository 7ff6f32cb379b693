using System.Text;

namespace IsolatedAgents.Protocol;

/// <summary>
/// Globs over paths below the workspace. Each holds at any depth, as if <c>**/</c> stood before it, and covers what it names with all that
/// is below: <c>.git/hooks</c> covers
/// <c>module/.git/hooks/pre-commit</c>. One that begins with a slash holds from the workspace on alone. <c>*</c> and <c>?</c> stay within a
/// name; <c>**</c> stands for any number of folders.
/// </summary>
/// <param name="globs">With forward slashes. A byte or a character of theirs is compared with one of the path's.</param>
/// <param name="isLoose">
/// Whether a name also counts that some file system takes for the same: in another case (ASCII), with blanks or points at its end, with a
/// stream behind a colon, by its short form, or in another form of the same characters. For what must not be written, not for what may be.
/// </param>
internal sealed class PathGlobs(IReadOnlyCollection<string> globs, bool isLoose)
{
    private const string AnyFolders = "**";
    private const string GitFolder = ".git";
    private const string GitShortName = "git~";

    private readonly (string[] Names, bool IsAnchored)[] _globs = [.. globs.Select(glob => (Split(glob), glob.StartsWith('/')))];

    /// <summary>Whether a glob names <paramref name="path"/> or a folder above it.</summary>
    public bool Covers(string path) => Covers(path, int.MaxValue);

    /// <summary>
    /// Whether a glob that begins to hold no deeper than <paramref name="deepest"/> folders names <paramref name="path"/> or a folder above
    /// it.
    /// </summary>
    public bool Covers(string path, int deepest)
    {
        string[] names = Names(path);
        return Array.Exists(_globs, glob => IsAnywhere(glob.Names, names, isPrefix: false, glob.IsAnchored ? 0 : deepest));
    }

    /// <summary>
    /// Whether <paramref name="path"/> is a folder that a glob names on its way: to move it, or to put another in its place, moves or makes
    /// what the glob covers.
    /// </summary>
    public bool LeadsTo(string path) => LeadsTo(path, int.MaxValue);

    /// <summary>The same for globs that begin to hold no deeper than <paramref name="deepest"/> folders.</summary>
    public bool LeadsTo(string path, int deepest)
    {
        string[] names = Names(path);
        return Array.Exists(_globs, glob => IsAnywhere(glob.Names, names, isPrefix: true, glob.IsAnchored ? 0 : deepest));
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
        return plain.StartsWith(GitShortName, StringComparison.OrdinalIgnoreCase)
            && plain.Length > GitShortName.Length
            && plain[GitShortName.Length..].IndexOfAnyExceptInRange('0', '9') < 0
                ? GitFolder
            : plain.Length == name.Length || plain.IsEmpty ? name
            : plain.ToString();
    }

    private bool IsAnywhere(string[] glob, string[] names, bool isPrefix, int deepest)
    {
        for (int start = 0; start <= names.Length && start <= deepest; start++)
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

        return !names.IsEmpty && IsName(glob[0], names[0]) && IsAtOrBelow(glob[1..], names[1..]);
    }

    private bool IsOnTheWay(ReadOnlySpan<string> glob, ReadOnlySpan<string> names)
    {
        if (names.IsEmpty)
        {
            return !glob.IsEmpty;
        }

        return !glob.IsEmpty && (glob[0] == AnyFolders || (IsName(glob[0], names[0]) && IsOnTheWay(glob[1..], names[1..])));
    }

    private bool IsName(string glob, string name) =>
        Matches(glob, name)
        || (isLoose && !Ascii.IsValid(name) && Matches(NameFolding.Fold(glob), NameFolding.Fold(name)))
        || (
            isLoose
            && (NameFolding.HasMarks(name) || NameFolding.HasMarks(glob))
            && Matches(NameFolding.Outline(glob), NameFolding.Outline(name))
        );

    // Goes back to the last star only, which suffices: no recursion that a name could make long.
    private bool Matches(ReadOnlySpan<char> glob, ReadOnlySpan<char> name)
    {
        int at = 0,
            star = -1,
            resume = 0;
        for (int i = 0; i < name.Length; )
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
