namespace IsolatedAgents.Benchmarks;

/// <summary>
/// Prints a table: this product beside others at the same job. Exit code 1 where a goal is surely missed, 2 for a wrong command line, 130
/// when cancelled.
/// </summary>
internal static class Program
{
    private const int Cancelled = 130;

    private static async Task<int> Main(string[] arguments)
    {
        BenchmarkOptions options;
        try
        {
            options = BenchmarkOptions.Parse(arguments);
        }
        catch (FormatException failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return 2;
        }

        OrderedDictionary<string, Func<IMeasure>> measures = Suite.Create(options.CommandLine);
        if (options.Names.FirstOrDefault(name => !measures.ContainsKey(name)) is { } unknown)
        {
            await Console.Error.WriteLineAsync($"There is no measure '{unknown}', only {string.Join(", ", measures.Keys)}.");
            return 2;
        }

        using CancellationTokenSource cancellation = new();
        Console.CancelKeyPress += (_, pressed) =>
        {
            pressed.Cancel = true;
            cancellation.Cancel();
        };
        Console.WriteLine($"{options.Pairs} pairs after 1 warm-up; load before: {Load()}");
        Console.WriteLine(Comparison.Header);
        bool isMissed = false;
        try
        {
            foreach ((string name, Func<IMeasure> create) in measures)
            {
                if (options.Names.Count == 0 || options.Names.Contains(name))
                {
                    isMissed |= await RunAsync(create, options.Pairs, cancellation.Token);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return Cancelled;
        }

        Console.WriteLine($"load after: {Load()}");
        return isMissed ? 1 : 0;
    }

    private static async Task<bool> RunAsync(Func<IMeasure> create, int pairs, CancellationToken cancellationToken)
    {
        await using IMeasure measure = create();
        if (await measure.PrepareAsync(cancellationToken) is { } reason)
        {
            Console.WriteLine($"{measure.Name, -18}skipped: {reason}");
            return false;
        }

        IReadOnlyList<Comparison> rows = await Comparison.RunAsync(measure, pairs, cancellationToken);
        foreach (object line in rows.Cast<object>().Concat(measure.Notes()))
        {
            Console.WriteLine(line);
        }

        return rows.Any(row => row.IsMissed);
    }

    private static string Load() =>
        File.Exists("/proc/loadavg") ? string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]) : "unknown";
}
