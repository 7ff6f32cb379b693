using System.Collections.Frozen;
using IsolatedAgents.Engines;
using IsolatedAgents.Execution;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.Tests.Hosts;

/// <summary>The action's inputs, as the runner passes them, become the same request as the command line's options.</summary>
[TestClass]
public sealed class ActionInputTests
{
    public required TestContext TestContext { get; init; }

    [TestMethod]
    public async Task Inputs_AllOfThem_ReachTheRequest()
    {
        AgentRunRequest request = await RunAsync(
            ("AGENT", "agents/review.py"),
            ("ARGS", "--fail-on \"two words\" last"),
            ("POLICY", "policy.json"),
            ("IMAGE", "python:3.12"),
            ("WORKING-DIRECTORY", "source"),
            ("OUTPUT-DIRECTORY", "out"),
            ("ALLOWED-ENDPOINTS", "a.example.com\nb.example.com:8443, c.example.com"),
            ("MEMORY-MB", "256"),
            ("FAIL-ON", "violation, timeout"),
            ("PIP-PACKAGES", "requests>=2,<3\nhttpx"),
            ("ENVIRONMENT", "A,B"),
            ("ENGINE", "podman")
        );
        Assert.AreEqual("agents/review.py", request.Agent);
        CollectionAssert.AreEqual(new[] { "--fail-on", "two words", "last" }, request.Arguments.ToArray());
        Assert.AreEqual("source", request.WorkingDirectory);
        Assert.AreEqual("out", request.OutputDirectory);
        Assert.AreEqual("policy.json", request.PolicyFile);
        Assert.AreEqual(EngineKind.Podman, request.Engine);
        CollectionAssert.AreEqual(new[] { "A", "B" }, request.Environment.ToArray());
        Dictionary<string, string[]> overrides = request.PolicyOverrides.ToDictionary(set => set.Key, set => set.Values.ToArray());
        CollectionAssert.AreEquivalent(
            new[] { "base_image", "network.allowed_endpoints", "memory_mb", "fail_on", "pip_packages" },
            overrides.Keys.ToArray()
        );
        CollectionAssert.AreEqual(new[] { "a.example.com", "b.example.com:8443", "c.example.com" }, overrides["network.allowed_endpoints"]);
        CollectionAssert.AreEqual(new[] { "requests>=2,<3", "httpx" }, overrides["pip_packages"]);
        CollectionAssert.AreEqual(new[] { "violation", "timeout" }, overrides["fail_on"]);
        Assert.HasCount(32, request.SessionId!);
    }

    [TestMethod]
    public async Task Inputs_EmptyOnes_AreNotGiven()
    {
        AgentRunRequest request = await RunAsync(("COMMAND", "true"), ("AGENT", ""), ("MEMORY-MB", " "), ("ARGS", "one\ntwo words\n"));
        Assert.IsNull(request.Agent);
        Assert.AreEqual("true", request.Command);
        Assert.IsEmpty(request.PolicyOverrides);
        Assert.IsEmpty(request.Environment);
        CollectionAssert.AreEqual(new[] { "one", "two words" }, request.Arguments.ToArray());
    }

    private async Task<AgentRunRequest> RunAsync(params (string Name, string Value)[] inputs)
    {
        using CommandLineFixture fixture = new();
        Terminal terminal = fixture.Terminal with
        {
            Environment = inputs.ToFrozenDictionary(input => $"INPUT_{input.Name}", input => input.Value),
        };
        AgentRunRequest? request = null;
        int exitCode = await new CommandLine(terminal, (asked, _) =>
        {
            request = asked;
            RunOutcome passed = new(new AgentRunResult { Verdict = Verdict.Passed });
            return Task.FromResult(new PreparedRun(TelemetrySettings.Default, [], (_, _) => Task.FromResult(passed)));
        }).InvokeAsync(["action"], TestContext.CancellationToken);
        Assert.AreEqual(0, exitCode, fixture.Error + fixture.Output);
        return request!;
    }
}
