using System.Collections.Immutable;

namespace IsolatedAgents.HostGrammar;

/// <summary>
/// Reads a step's log as the Azure Pipelines agent does: a command anywhere in a line, up to the first bracket, with the agent's own
/// escapes.
/// </summary>
internal static class AzureLog
{
    private const string Prefix = "##vso[";

    /// <exception cref="FormatException">The agent would warn of a line that it cannot read.</exception>
    public static IReadOnlyList<HostCommand> Read(string log)
    {
        List<HostCommand> commands = [];
        foreach (string line in log.ReplaceLineEndings("\n").Split('\n'))
        {
            int start = line.IndexOf(Prefix, StringComparison.OrdinalIgnoreCase);
            if (start < 0)
            {
                continue;
            }

            int end = line.IndexOf(']', start);
            string head = end > 0 ? line[(start + Prefix.Length)..end] : throw new FormatException(line);
            int space = head.IndexOf(' ', StringComparison.Ordinal);
            string name = space < 0 ? head : head[..space];
            if (!name.Contains('.', StringComparison.Ordinal))
            {
                throw new FormatException(line);
            }

            commands.Add(
                new HostCommand(
                    name.ToLowerInvariant(),
                    (space < 0 ? "" : head[(space + 1)..])
                        .Split(';', StringSplitOptions.RemoveEmptyEntries)
                        .Select(pair => pair.Split('=', 2))
                        .Where(pair => pair.Length == 2)
                        .ToImmutableDictionary(pair => pair[0].Trim().ToLowerInvariant(), pair => Decode(pair[1])),
                    Decode(line[(end + 1)..])
                )
            );
        }

        return commands;
    }

    /// <summary>The parts of the log viewer, which the agent itself does not read.</summary>
    public static IEnumerable<string> Marks(string log) => log.Split('\n').Where(line => line.StartsWith("##[", StringComparison.Ordinal));

    private static string Decode(string text) =>
        text.Replace("%3B", ";").Replace("%0D", "\r").Replace("%0A", "\n").Replace("%5D", "]").Replace("%AZP25", "%");
}
