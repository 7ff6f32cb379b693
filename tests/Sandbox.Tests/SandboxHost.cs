using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;
using IsolatedAgents.Telemetry;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>A workspace and an output folder of a test's own, and a runner whose events are kept.</summary>
internal sealed class SandboxHost : IDisposable
{
    public const string PythonImage = "isolated-agents/python:bookworm";
    public const string BusyboxImage = "isolated-agents/busybox:latest";

    private readonly EventKeeper _keeper = new();
    private readonly ILoggerFactory _loggers;

    public SandboxHost()
    {
        Root = Directory.CreateTempSubdirectory("isolated-agents-test-").FullName;
        Workspace = Directory.CreateDirectory(Path.Combine(Root, "workspace")).FullName;
        Output = Path.Combine(Root, "output");
        _loggers = LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddProvider(_keeper));
    }

    public string Root { get; }

    public string Workspace { get; }

    public string Output { get; }

    public Dictionary<string, string> Environment { get; } = System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
        .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal);

    /// <summary>Every event so far, in order.</summary>
    public IReadOnlyList<TelemetryEvent> Events => [.. _keeper.Events];

    /// <summary>The agent's lines so far.</summary>
    public IReadOnlyList<string> Lines => [.. Events.OfType<AgentOutput>().Select(output => output.Line)];

    /// <summary>Called with each event, on the stream's own thread.</summary>
    public Action<TelemetryEvent>? OnEvent
    {
        set => _keeper.OnEvent = value;
    }

    /// <summary>Completes with the first event of a kind.</summary>
    public Task<TelemetryEvent> WhenAsync<T>()
        where T : TelemetryEvent
    {
        TaskCompletionSource<TelemetryEvent> found = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _keeper.OnEvent = raised =>
        {
            if (raised is T)
            {
                found.TrySetResult(raised);
            }
        };
        return found.Task;
    }

    /// <summary>A request with the test's folders, the small image and a short time limit, unless the parameters say otherwise.</summary>
    public AgentRunRequest Request(string command, string image = BusyboxImage, params (string Key, string Value)[] policy) => new()
    {
        BaseDirectory = Root,
        Command = command,
        WorkingDirectory = Workspace,
        OutputDirectory = Output,
        HostEnvironment = Environment.ToFrozenDictionary(StringComparer.Ordinal),
        PolicyOverrides = Overrides(image, policy),
    };

    public Task<AgentRunResult> RunAsync(AgentRunRequest request, CancellationToken cancellationToken) =>
        new AgentRunner(_loggers).RunAsync(request, cancellationToken);

    public Task<AgentRunResult> RunAsync(string command, CancellationToken cancellationToken, params (string Key, string Value)[] policy) =>
        RunAsync(Request(command, BusyboxImage, policy), cancellationToken);

    /// <summary>Runs the puppet: a Python agent that does what its verb says.</summary>
    public Task<AgentRunResult> RunPuppetAsync(string verb, CancellationToken cancellationToken, params (string Key, string Value)[] policy) =>
        RunAsync(
            Request("", PythonImage, policy) with
            {
                Command = null,
                Agent = Path.Combine(AppContext.BaseDirectory, "Puppet", "puppet.py"),
                Arguments = [.. verb.Split(' ', StringSplitOptions.RemoveEmptyEntries)],
            },
            cancellationToken);

    public void Dispose()
    {
        _loggers.Dispose();
        Directory.Delete(Root, recursive: true);
    }

    private static ImmutableArray<PolicyOverride> Overrides(string image, (string Key, string Value)[] policy)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal) { ["base_image"] = image, ["timeout_seconds"] = "30", ["memory_mb"] = "128", ["pids_limit"] = "64" };
        foreach ((string key, string value) in policy)
        {
            values[key] = value;
        }

        return [.. values.Select(entry => new PolicyOverride(entry.Key, [.. entry.Value.Split('|')], entry.Key))];
    }

    private sealed class EventKeeper : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<TelemetryEvent> Events { get; } = new();

        public Action<TelemetryEvent>? OnEvent { get; set; }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (state is LoggedEvent logged)
            {
                Events.Enqueue(logged.Event);
                OnEvent?.Invoke(logged.Event);
            }
        }

        public void Dispose()
        {
        }
    }
}
