using System.Text;

namespace IsolatedAgents.Policies.Requests;

/// <summary>How servers may read a path that an agent wrote.</summary>
internal static class RequestPath
{
    /// <summary>
    /// Whether a server could take the path for another one than a rule sees: empty or dot segments, parameters, or codes for what needs
    /// none or changes what a path is.
    /// </summary>
    /// <param name="path">As it was sent, without query.</param>
    public static bool IsAmbiguous(string path)
    {
        if (
            path.Contains("//", StringComparison.Ordinal)
            || path.Contains('\\', StringComparison.Ordinal)
            || path.Contains(';', StringComparison.Ordinal)
        )
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
            if (
                !TryDecode(path, at, out char decoded)
                || char.IsAsciiLetterOrDigit(decoded)
                || decoded is '/' or '\\' or '.' or '%' or '\0' or ';'
            )
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// The path as the most lenient server would read it: decoded, in lower case, without parameters, blanks and the slashes that some
    /// servers overlook.
    /// </summary>
    public static string Loosened(string path)
    {
        StringBuilder decoded = new(path.Length);
        for (int i = 0; i < path.Length; i++)
        {
            bool isCode = TryDecode(path, i, out char character);
            decoded.Append(char.ToLowerInvariant(isCode ? character : path[i]));
            i += isCode ? 2 : 0;
        }

        IEnumerable<string> segments = decoded
            .Replace('\\', '/')
            .ToString()
            .Split('/')
            .Select(segment => segment.Split(';')[0].Trim())
            .Where(segment => segment.Length > 0 && segment != ".");
        return "/" + string.Join('/', segments);
    }

    private static bool TryDecode(string path, int at, out char decoded)
    {
        bool isCode = path[at] == '%' && at + 2 < path.Length && char.IsAsciiHexDigit(path[at + 1]) && char.IsAsciiHexDigit(path[at + 2]);
        decoded = isCode ? (char)Convert.FromHexString(path.AsSpan(at + 1, 2))[0] : '\0';
        return isCode;
    }
}
