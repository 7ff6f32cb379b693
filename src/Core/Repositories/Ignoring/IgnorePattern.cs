namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>The path that is matched against the patterns of a repository.</summary>
/// <param name="Path">The whole path below the folder that the patterns are for, in UTF-8.</param>
/// <param name="NameStart">Where its last name begins.</param>
/// <param name="IsFolder">Whether it is a folder.</param>
internal readonly record struct IgnoreSubject(byte[] Path, int NameStart, bool IsFolder);

/// <summary>One line of a <c>.gitignore</c> file: gitignore(5), as dir.c reads and compares it.</summary>
internal sealed class IgnorePattern
{
    private readonly byte[] _text;
    private readonly int _plainLength;
    private readonly bool _isForFolders;
    private readonly bool _isForNames;
    private readonly bool _isForEnds;

    private IgnorePattern(byte[] text, bool isNegated, bool isForFolders)
    {
        _text = text;
        IsNegated = isNegated;
        _isForFolders = isForFolders;
        _isForNames = !text.AsSpan().Contains((byte)'/');
        _plainLength = PlainLength(text);
        _isForEnds = text.Length > 0 && text[0] == '*' && PlainLength(text.AsSpan(1)) == text.Length - 1;
    }

    /// <summary>Whether what it matches is not ignored after all.</summary>
    public bool IsNegated { get; }

    /// <summary>The pattern of a line, without its end; null where there is none.</summary>
    public static IgnorePattern? Parse(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty || line[0] == '#')
        {
            return null;
        }

        line = line[^1] == '\r' ? line[..^1] : line;
        int zero = line.IndexOf((byte)0);
        line = TrimBlanks(zero < 0 ? line : line[..zero]);
        bool isNegated = !line.IsEmpty && line[0] == '!';
        line = isNegated ? line[1..] : line;
        bool isForFolders = !line.IsEmpty && line[^1] == '/';
        line = isForFolders ? line[..^1] : line;
        return line.IsEmpty ? null : new IgnorePattern(line.ToArray(), isNegated, isForFolders);
    }

    /// <summary>The pattern of a line of attributes, without quotes; null where git takes no such one, as none that is negated.</summary>
    public static IgnorePattern? OfAttribute(ReadOnlySpan<byte> text)
    {
        bool isForFolders = !text.IsEmpty && text[^1] == '/';
        text = isForFolders ? text[..^1] : text;
        return text.IsEmpty || text[0] == '!' ? null : new IgnorePattern(text.ToArray(), isNegated: false, isForFolders);
    }

    /// <summary>Whether it is for that path below its folder.</summary>
    public bool Matches(in IgnoreSubject subject, int from, bool ignoresCase, MatchEffort effort)
    {
        effort.Spend(1);
        if (_isForFolders && !subject.IsFolder)
        {
            return false;
        }

        return _isForNames
            ? MatchesName(subject.Path.AsSpan(subject.NameStart), ignoresCase, effort)
            : MatchesPath(subject.Path.AsSpan(from), ignoresCase, effort);
    }

    private bool MatchesName(ReadOnlySpan<byte> name, bool ignoresCase, MatchEffort effort) =>
        _plainLength == _text.Length ? IsSame(_text, name, ignoresCase)
        : _isForEnds ? name.Length >= _text.Length - 1 && IsSame(_text.AsSpan(1), name[^(_text.Length - 1)..], ignoresCase)
        : WildMatch.Matches(_text, name, ignoresCase, effort);

    private bool MatchesPath(ReadOnlySpan<byte> path, bool ignoresCase, MatchEffort effort)
    {
        ReadOnlySpan<byte> pattern = _text;
        int plain = _plainLength;
        if (pattern[0] == '/')
        {
            pattern = pattern[1..];
            plain--;
        }

        // What follows plain text is compared as if it stood alone, so that stars at its beginning count as a folder's.
        return plain <= path.Length
            && IsSame(pattern[..plain], path[..plain], ignoresCase)
            && (plain == pattern.Length ? plain == path.Length : WildMatch.Matches(pattern[plain..], path[plain..], ignoresCase, effort));
    }

    private static bool IsSame(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, bool ignoresCase) =>
        ignoresCase ? System.Text.Ascii.EqualsIgnoreCase(left, right) || left.SequenceEqual(right) : left.SequenceEqual(right);

    private static int PlainLength(ReadOnlySpan<byte> text)
    {
        int length = text.IndexOfAny("*?[\\"u8);
        return length < 0 ? text.Length : length;
    }

    // Blanks at the end count where a backslash stands before them.
    private static ReadOnlySpan<byte> TrimBlanks(ReadOnlySpan<byte> line)
    {
        int end = -1;
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] == ' ')
            {
                end = end < 0 ? i : end;
                continue;
            }

            end = -1;
            if (line[i] == '\\' && ++i == line.Length)
            {
                return line;
            }
        }

        return end < 0 ? line : line[..end];
    }
}
