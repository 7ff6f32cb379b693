using IsolatedAgents.Benchmarks.Measures;

namespace IsolatedAgents.Benchmarks;

/// <summary>Every measure there is.</summary>
internal static class Suite
{
    /// <summary>What makes each of them, by its name on the command line, in the order in which they run.</summary>
    /// <param name="commandLine">The published executable.</param>
    public static OrderedDictionary<string, Func<IMeasure>> Create(string commandLine) =>
        new(StringComparer.Ordinal)
        {
            ["run-true"] = () => new RunTrue(untilRemoved: false),
            ["run-true-removed"] = () => new RunTrue(untilRemoved: true),
            ["cli-true"] = () => new CliTrue(commandLine),
            ["action-true"] = () => new ActionTrue(commandLine),
            ["cancel"] = () => Ending.Cancelled(commandLine),
            ["killed"] = () => Ending.Killed(commandLine),
            ["action-interrupt"] = () => Ending.ActionInterrupted(commandLine),
            ["action-terminate"] = () => Ending.ActionTerminated(commandLine),
            ["json-events"] = () => new JsonEvents(),
            ["flood"] = () => new Flood(),
            ["audit-events"] = () => new AuditEvents(),
            ["collect"] = () => new Collect("collect", 1, 300 * 1024 * 1024, 0.3),
            ["collect-small"] = () => new Collect("collect-small", 5000, 1000, 0.5),
            ["open-storm"] = Observed.OpenStorm,
            ["grep"] = Observed.Grep,
            ["tar"] = Observed.Tar,
            ["python-start"] = Observed.PythonStart,
            ["relay-1"] = Relay.One,
            ["relay-8"] = Relay.Eight,
            ["egress-connect"] = Relay.Connect,
            ["first-byte"] = SandboxClient.FirstByte,
            ["first-byte-p99"] = SandboxClient.FirstByteTail,
            ["fetch-1"] = SandboxClient.FetchOne,
            ["fetch-8"] = SandboxClient.FetchEight,
            ["egress-refusal"] = SandboxEgress.Refusal,
            ["egress-attached"] = SandboxEgress.Attached,
            ["inspection"] = () => new Inspection(),
            ["inspection-memory"] = () => new InspectionMemory(),
        };
}
