using System.Text.Json;
using IsolatedAgents.Sandbox.Tests.CommandLine;

namespace IsolatedAgents.Sandbox.Tests.RemoteEngine;

/// <summary>What one and the same run told and left, wherever its engine was.</summary>
internal sealed record RecordedRun(string[] Events, string[] Artifacts)
{
    private const string Command =
        "echo one; echo two >&2; mkdir -p /output/sub; echo data > /output/sub/file; cat /workspace/source.txt > /output/copy";

    /// <summary>Runs it from the test's host.</summary>
    public static Task<RecordedRun> StartAsync(CommandLineHost host, CancellationToken cancellationToken, params string[] options) =>
        ReadAsync(host, host.Start(Arguments(host, options)), cancellationToken);

    /// <summary>The arguments of the run.</summary>
    public static string[] Arguments(CommandLineHost host, params string[] options) =>
        ["run", "--command", Command, .. host.Usual(SandboxHost.BusyboxImage), "--telemetry-format", "json", .. options];

    /// <summary>Waits for the end of a run with these arguments.</summary>
    public static async Task<RecordedRun> ReadAsync(CommandLineHost host, CommandLineRun run, CancellationToken cancellationToken)
    {
        CommandLineResult result = await run.EndAsync(cancellationToken);
        result.AssertEnd(0, null);
        return new RecordedRun(
            [
                .. result
                    .Events.Where(raised => !IsOfAnother(raised))
                    .Select(raised => raised.GetProperty("event.name").GetString()!)
                    .Where(name => name != "resource.usage")
                    .Order(StringComparer.Ordinal),
            ],
            [
                .. Directory
                    .GetFiles(host.Output, "*", SearchOption.AllDirectories)
                    .Where(file => !Path.GetFileName(file).StartsWith('.'))
                    .Order(StringComparer.Ordinal)
                    .Select(file => $"{Path.GetRelativePath(host.Output, file)} {File.ReadAllText(file)}"),
            ]
        );
    }

    // A run that a test beside this one has killed, whose container this run finds and removes.
    private static bool IsOfAnother(JsonElement raised) =>
        raised.GetRawText().Contains("was_left_by_a_run_that_has_died", StringComparison.Ordinal);
}
