using System.Globalization;

namespace IsolatedAgents.Benchmarks;

/// <summary>The command line: <c>[NAME…] [--pairs N] [--cli FILE]</c>.</summary>
internal sealed record BenchmarkOptions(IReadOnlyList<string> Names, int Pairs, string CommandLine)
{
    private const int DefaultPairs = 15;

    /// <exception cref="FormatException">It is not such a command line.</exception>
    public static BenchmarkOptions Parse(string[] arguments)
    {
        List<string> names = [];
        int pairs = DefaultPairs;
        string commandLine = Path.GetFullPath(
            Path.Combine(
                AppContext.BaseDirectory,
                "..",
                "..",
                "..",
                "publish",
                "IsolatedAgents.Action",
                "release_linux-x64",
                "isolated-agents"
            )
        );
        for (int i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--pairs"
                    when i + 1 < arguments.Length
                        && int.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int given)
                        && given > 0:
                    pairs = given;
                    i++;
                    break;
                case "--cli" when i + 1 < arguments.Length:
                    commandLine = Path.GetFullPath(arguments[++i]);
                    break;
                case ['-', ..]:
                    throw new FormatException("Usage: [NAME…] [--pairs N] [--cli FILE]");
                default:
                    names.Add(arguments[i]);
                    break;
            }
        }

        return new BenchmarkOptions(names, pairs, commandLine);
    }
}
