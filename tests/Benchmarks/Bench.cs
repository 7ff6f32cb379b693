using System.Collections;
using System.Collections.Frozen;
using System.Diagnostics;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;
using IsolatedAgents.Telemetry;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Benchmarks;

/// <summary>A run that was timed.</summary>
internal sealed record TimedRun(TimeSpan Time, DateTimeOffset Started, EventLog Log, AgentRunResult Result);

/// <summary>A folder with a policy file and an empty workspace, and what runs agents in them.</summary>
internal sealed class Bench : IDisposable
{
    private static readonly FrozenDictionary<string, string> Variables = Environment
        .GetEnvironmentVariables()
        .Cast<DictionaryEntry>()
        .ToFrozenDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal);

    public Bench(string extraKeys = "", string image = DockerClient.Image, int memoryMegabytes = 128)
    {
        Root = Directory.CreateTempSubdirectory("isolated-agents-benchmark-").FullName;
        Workspace = Directory.CreateDirectory(Path.Combine(Root, "workspace")).FullName;
        PolicyFile = Path.Combine(Root, "policy.json");
        File.WriteAllText(
            PolicyFile,
            $$"""
            {
              "base_image": "{{image}}",
              "memory_mb": {{memoryMegabytes}}, "cpu_cores": 1.0, "pids_limit": 64, "timeout_seconds": 120,
              "telemetry_format": "json", "telemetry_level": "INFO"{{extraKeys}}
            }
            """
        );
    }

    public string Root { get; }

    public string Workspace { get; }

    public string PolicyFile { get; }

    public string Output => Path.Combine(Root, "output");

    private string TelemetryFile => Path.Combine(Root, "telemetry.jsonl");

    /// <summary>One whole run, from the request to the result, with JSON telemetry in a file unless only counting is asked for.</summary>
    public async Task<TimedRun> RunAsync(
        string command,
        bool collect,
        bool telemetryFile,
        CancellationToken cancellationToken,
        TransportKind transport = TransportKind.Auto
    )
    {
        using EventLog log = new();
        DateTimeOffset started = DateTimeOffset.UtcNow;
        long began = Stopwatch.GetTimestamp();
        AgentRunResult result;
        using (FileStream? file = telemetryFile ? new FileStream(TelemetryFile, FileMode.Create, FileAccess.Write) : null)
        using (ILoggerFactory loggers = CreateLoggers(log, file))
        {
            result = await new AgentRunner(loggers).RunAsync(
                new AgentRunRequest
                {
                    BaseDirectory = Root,
                    Command = command,
                    WorkingDirectory = Workspace,
                    OutputDirectory = collect ? Output : null,
                    PolicyFile = PolicyFile,
                    HostEnvironment = Variables,
                    Transport = transport,
                },
                cancellationToken
            );
        }

        TimeSpan time = Stopwatch.GetElapsedTime(began);
        return result.Verdict == Verdict.Passed
            ? new TimedRun(time, started, log, result)
            : throw new InvalidOperationException(
                $"The run ended as {result.Verdict.Name()}: {string.Join(" ", result.Diagnostics.Select(diagnostic => diagnostic.Message))}"
            );
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static ILoggerFactory CreateLoggers(EventLog log, FileStream? file) =>
        LoggerFactory.Create(builder =>
        {
            builder.SetMinimumLevel(LogLevel.Trace).AddProvider(log);
            if (file is not null)
            {
                builder.AddProvider(
                    new TelemetryLoggerProvider(
                        new TelemetryOutput
                        {
                            Stream = file,
                            Format = TelemetryFormat.Json,
                            Level = TelemetryLevel.Info,
                        }
                    )
                );
            }
        });
}
