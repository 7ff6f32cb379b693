namespace IsolatedAgents.Policies.Requests;

/// <summary>A method and a path as policies write them, <c>*</c> for anything in either.</summary>
/// <param name="Method">In capitals, or <c>*</c> for any.</param>
/// <param name="Path">Each <c>*</c> stands for any run of characters, slashes included; everything else for itself.</param>
internal sealed record RequestPattern(string Method, string Path)
{
    /// <summary>Reads a rule that the policy has checked: <c>POST /v1/chat/*</c>.</summary>
    public static RequestPattern Parse(string rule)
    {
        int blank = rule.IndexOf(' ', StringComparison.Ordinal);
        return new RequestPattern(rule[..blank], rule[(blank + 1)..]);
    }

    public bool Matches(string method, ReadOnlySpan<char> path) => (Method == "*" || Method == method) && MatchesPath(path);

    /// <summary>Whether a path is one of the pattern's.</summary>
    public bool MatchesPath(ReadOnlySpan<char> path)
    {
        ReadOnlySpan<char> pattern = Path;
        int star = -1,
            retry = 0,
            p = 0,
            at = 0;
        while (at < path.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                retry = at;
            }
            else if (p < pattern.Length && pattern[p] == path[at])
            {
                p++;
                at++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                at = ++retry;
            }
            else
            {
                return false;
            }
        }

        return pattern[p..].IndexOfAnyExcept('*') < 0;
    }

    /// <summary>Whether some request is one of both patterns.</summary>
    public bool Meets(RequestPattern other)
    {
        if (Method != "*" && other.Method != "*" && Method != other.Method)
        {
            return false;
        }

        // Row by row: whether the first i characters of this pattern and the first j of the other can stand for the same text.
        bool[] above = new bool[other.Path.Length + 1];
        for (int i = 0; i <= Path.Length; i++)
        {
            bool[] row = new bool[other.Path.Length + 1];
            for (int j = 0; j <= other.Path.Length; j++)
            {
                bool isStar = i > 0 && Path[i - 1] == '*';
                bool isOtherStar = j > 0 && other.Path[j - 1] == '*';
                row[j] =
                    (i == 0 && j == 0)
                    || (i > 0 && isStar && (above[j] || (j > 0 && row[j - 1])))
                    || (j > 0 && isOtherStar && (row[j - 1] || (i > 0 && above[j])))
                    || (i > 0 && j > 0 && !isStar && !isOtherStar && Path[i - 1] == other.Path[j - 1] && above[j - 1]);
            }

            above = row;
        }

        return above[other.Path.Length];
    }
}
