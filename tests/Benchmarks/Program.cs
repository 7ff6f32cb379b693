using IsolatedAgents.Benchmarks.Measures;

namespace IsolatedAgents.Benchmarks;

/// <summary>Prints a table: this product beside others at the same job. Exit code 1 where a goal is surely missed, 2 for a wrong command line, 130 when cancelled.</summary>
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

        Dictionary<string, Func<IMeasure>> measures = new(StringComparer.Ordinal)
        {
            ["run-true"] = () => new RunTrue(untilRemoved: false),
            ["run-true-removed"] = () => new RunTrue(untilRemoved: true),
            ["cli-true"] = () => new CliTrue(options.CommandLine),
            ["action-true"] = () => new ActionTrue(options.CommandLine),
            ["cancel"] = () => Ending.Cancelled(options.CommandLine),
            ["killed"] = () => Ending.Killed(options.CommandLine),
            ["json-events"] = () => new JsonEvents(),
            ["flood"] = () => new Flood(),
            ["audit-events"] = () => new AuditEvents(),
            ["collect"] = () => new Collect("collect", 1, 300 * 1024 * 1024, 0.3),
            ["open-storm"] = Observed.OpenStorm,
            ["grep"] = Observed.Grep,
            ["tar"] = Observed.Tar,
            ["python-start"] = Observed.PythonStart,
            ["relay-1"] = Relay.One,
            ["relay-8"] = Relay.Eight,
            ["egress-connect"] = Relay.Connect,
            ["egress-refusal"] = SandboxEgress.Refusal,
            ["egress-attached"] = SandboxEgress.Attached,
            ["inspection"] = () => new Inspection(),
            ["collect-small"] = () => new Collect("collect-small", 5000, 1000, 0.5),
        };
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
            Console.WriteLine($"{measure.Name,-18}skipped: {reason}");
            return false;
        }

        IReadOnlyList<Comparison> rows = await Comparison.RunAsync(measure, pairs, cancellationToken);
        foreach (object line in rows.Cast<object>().Concat(measure.Notes()))
        {
            Console.WriteLine(line);
        }

        return rows.Any(row => row.IsMissed);
    }

    private static string Load() => File.Exists("/proc/loadavg") ? string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]) : "unknown";
}
