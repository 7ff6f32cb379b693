namespace IsolatedAgents.HostGrammar;

/// <summary>
/// Reads the file by which a step hands over values as the runner does: lines end with a line feed, and whichever of '=' and '&lt;&lt;'
/// comes first decides.
/// </summary>
internal static class GitHubValues
{
    /// <exception cref="FormatException">The runner would fail the step.</exception>
    public static Dictionary<string, string> Read(string text)
    {
        Dictionary<string, string> values = new(StringComparer.OrdinalIgnoreCase);
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i];
            if (line.Length == 0)
            {
                continue;
            }

            int equals = line.IndexOf('=', StringComparison.Ordinal);
            int document = line.IndexOf("<<", StringComparison.Ordinal);
            if (equals >= 0 && (document < 0 || equals < document))
            {
                values[line[..equals]] = line[(equals + 1)..];
                continue;
            }

            if (document <= 0)
            {
                throw new FormatException($"Invalid format '{line}'");
            }

            string delimiter = line[(document + 2)..];
            List<string> content = [];
            for (i++; ; i++)
            {
                if (i >= lines.Length)
                {
                    throw new FormatException($"Matching delimiter not found '{delimiter}'");
                }

                if (lines[i] == delimiter)
                {
                    break;
                }

                content.Add(lines[i]);
            }

            values[line[..document]] = string.Join('\n', content);
        }

        return values;
    }
}
