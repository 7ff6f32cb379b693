namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>The patterns of one file.</summary>
internal sealed class IgnoreFile
{
    /// <summary>A larger file is not read: nothing that it is for counts as seen.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    private readonly IgnorePattern[] _patterns;

    private IgnoreFile(IgnorePattern[] patterns) => _patterns = patterns;

    /// <summary>Reads a file's content.</summary>
    public static IgnoreFile Parse(ReadOnlySpan<byte> content)
    {
        if (content.StartsWith("\uFEFF"u8))
        {
            content = content["\uFEFF"u8.Length..];
        }

        List<IgnorePattern> patterns = [];
        foreach (Range line in content.Split((byte)'\n'))
        {
            if (IgnorePattern.Parse(content[line]) is { } pattern)
            {
                patterns.Add(pattern);
            }
        }

        return new IgnoreFile([.. patterns]);
    }

    /// <summary>Whether what is looked for is ignored, by the last pattern that is for it; null where none is.</summary>
    public bool? Judge(in IgnoreSubject subject, int from, bool ignoresCase, MatchEffort effort)
    {
        for (int i = _patterns.Length - 1; i >= 0; i--)
        {
            if (_patterns[i].Matches(in subject, from, ignoresCase, effort))
            {
                return !_patterns[i].IsNegated;
            }
        }

        return null;
    }
}
