using System.Collections.Immutable;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>The methods and paths that may be asked of an inspected endpoint.</summary>
internal sealed class RequestAllowance(ImmutableArray<string> rules)
{
    private readonly (string Method, string Path)[] _rules =
        [.. rules.Select(rule => (rule[..rule.IndexOf(' ', StringComparison.Ordinal)], rule[(rule.IndexOf(' ', StringComparison.Ordinal) + 1)..]))];

    /// <summary>Why a request is refused; null where it is not.</summary>
    /// <param name="method">As it was sent.</param>
    /// <param name="path">As it was sent, without query.</param>
    public string? Problem(string method, string path)
    {
        if (_rules.Length == 0)
        {
            return null;
        }

        // A server would take such a path for another one than a rule sees.
        if (IsAmbiguous(path))
        {
            return $"The path of '{method} {Short(path)}' can be read in more than one way";
        }

        foreach ((string allowedMethod, string allowedPath) in _rules)
        {
            if ((allowedMethod == "*" || allowedMethod == method) && Matches(path, allowedPath))
            {
                return null;
            }
        }

        return $"'{method} {Short(path)}' is not among the requests that may be made";
    }

    private static bool IsAmbiguous(string path)
    {
        if (path.Contains("//", StringComparison.Ordinal) || path.Contains('\\', StringComparison.Ordinal) || path.Contains(';', StringComparison.Ordinal))
        {
            return true;
        }

        foreach (Range part in path.AsSpan().Split('/'))
        {
            if (path.AsSpan()[part] is "." or "..")
            {
                return true;
            }
        }

        for (int at = path.IndexOf('%', StringComparison.Ordinal); at >= 0; at = path.IndexOf('%', at + 1))
        {
            // Encoded letters need no encoding; encoded separators, dots and percent signs change what a path is.
            if (at + 2 >= path.Length || !TryHex(path.AsSpan(at + 1, 2), out char decoded) || char.IsAsciiLetterOrDigit(decoded) || decoded is '/' or '\\' or '.' or '%' or '\0' or ';')
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryHex(ReadOnlySpan<char> digits, out char value)
    {
        bool isHex = char.IsAsciiHexDigit(digits[0]) && char.IsAsciiHexDigit(digits[1]);
        value = isHex ? (char)((Convert.FromHexString(digits))[0]) : '\0';
        return isHex;
    }

    /// <summary><c>*</c> stands for any run of characters; everything else for itself.</summary>
    private static bool Matches(ReadOnlySpan<char> path, ReadOnlySpan<char> pattern)
    {
        int star = -1, retry = 0, p = 0, at = 0;
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

    private static string Short(string path) => path.Length > 200 ? path[..200] + "…" : path;
}
