using System.Collections;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>A workspace and an output folder of a test's own, and a runner whose events are kept.</summary>
internal sealed class SandboxHost : IDisposable
{
    public const string PythonImage = "isolated-agents/python:bookworm";
    public const string ClientsImage = "isolated-agents/clients:bookworm";
    public const string ToolsImage = "isolated-agents/tools:bookworm";
    public const string BusyboxImage = "isolated-agents/busybox:latest";

    /// <summary>With these, every test runs over another route to the sandbox.</summary>
    private const string TransportVariable = "IA_TEST_TRANSPORT";
    private const string DeliveryVariable = "IA_TEST_DELIVERY";

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

    public Dictionary<string, string> Environment { get; } =
        System
            .Environment.GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal);

    /// <summary>How the sandboxes of this test are reached; set by tests that are about one way.</summary>
    public TransportKind Transport { get; init; } =
        RequestWords.Transport(System.Environment.GetEnvironmentVariable(TransportVariable))!.Value;

    public DeliveryKind Delivery { get; init; } = RequestWords.Delivery(System.Environment.GetEnvironmentVariable(DeliveryVariable))!.Value;

    /// <summary>Every event so far, in order.</summary>
    public IReadOnlyList<TelemetryEvent> Events => [.. _keeper.Events];

    /// <summary>The agent's lines so far.</summary>
    public IReadOnlyList<string> Lines => [.. Events.OfType<AgentOutput>().Select(output => output.Line)];

    /// <summary>What the puppet said of a verb.</summary>
    public JsonElement Said(string verb) =>
        Lines
            .Where(line => line.StartsWith('{'))
            .Select(line => JsonDocument.Parse(line).RootElement)
            .First(said => said.GetProperty("verb").GetString() == verb);

    /// <summary>How the last sandbox was reached.</summary>
    public string? Route => Events.OfType<ContainerProvisioning>().Last().Transport;

    /// <summary>The sandbox's container, once it runs.</summary>
    public async Task<string> ContainerIdAsync() => ((ContainerProvisioning)await _keeper.FirstAsync<ContainerProvisioning>()).ContainerId!;

    /// <summary>Completes with the first line of the agent that is this.</summary>
    public Task WhenLineAsync(string line) =>
        _keeper.FirstAsync<AgentOutput>(output => output.Line.Contains(line, StringComparison.Ordinal));

    /// <summary>A request with the test's folders, the small image and a short time limit, unless the parameters say otherwise.</summary>
    public AgentRunRequest Request(string command, string image = BusyboxImage, params (string Key, string Value)[] policy) =>
        new()
        {
            BaseDirectory = Root,
            Command = command,
            WorkingDirectory = Workspace,
            OutputDirectory = Output,
            Transport = Transport,
            Delivery = Delivery,
            HostEnvironment = Environment.ToFrozenDictionary(StringComparer.Ordinal),
            PolicyOverrides = Overrides(image, policy),
        };

    public Task<AgentRunResult> RunAsync(AgentRunRequest request, CancellationToken cancellationToken) =>
        new AgentRunner(_loggers).RunAsync(request, cancellationToken);

    public Task<AgentRunResult> RunAsync(string command, CancellationToken cancellationToken, params (string Key, string Value)[] policy) =>
        RunAsync(Request(command, BusyboxImage, policy), cancellationToken);

    /// <summary>Runs the puppet: a Python agent that does what its verb says.</summary>
    public Task<AgentRunResult> RunPuppetAsync(
        string verb,
        CancellationToken cancellationToken,
        params (string Key, string Value)[] policy
    ) =>
        RunAsync(
            Request("", PythonImage, policy) with
            {
                Command = null,
                Agent = Path.Combine(AppContext.BaseDirectory, "Puppet", "puppet.py"),
                Arguments = [.. verb.Split(' ', StringSplitOptions.RemoveEmptyEntries)],
            },
            cancellationToken
        );

    /// <summary>Runs a Python program of the test's own.</summary>
    public async Task<AgentRunResult> RunScriptAsync(
        string script,
        CancellationToken cancellationToken,
        params (string Key, string Value)[] policy
    )
    {
        string agent = Path.Combine(Root, "script.py");
        await File.WriteAllTextAsync(agent, script, cancellationToken);
        return await RunAsync(Request("", PythonImage, policy) with { Command = null, Agent = agent }, cancellationToken);
    }

    public void Dispose()
    {
        _loggers.Dispose();
        Directory.Delete(Root, recursive: true);
    }

    private static ImmutableArray<PolicyOverride> Overrides(string image, (string Key, string Value)[] policy)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal)
        {
            ["base_image"] = image,
            ["timeout_seconds"] = "30",
            ["memory_mb"] = "128",
            ["pids_limit"] = "64",
        };
        foreach ((string key, string value) in policy)
        {
            values[key] = value;
        }

        return [.. values.Select(entry => new PolicyOverride(entry.Key, [.. entry.Value.Split('|')], entry.Key))];
    }
}
