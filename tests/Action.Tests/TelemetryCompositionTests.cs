using IsolatedAgents.Policies;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.Tests;

[TestClass]
public sealed class TelemetryCompositionTests
{
    [TestMethod]
    [DataRow(true, TelemetryFormat.Rich)]
    [DataRow(false, TelemetryFormat.Simple)]
    public void Choose_NoPolicy_GoesByTheTerminal(bool isTerminal, TelemetryFormat expected)
    {
        using CommandLineFixture fixture = new();
        AgentRunRequest request = new() { BaseDirectory = fixture.Folder };
        Assert.AreEqual(
            new TelemetryChoice(true, TelemetryLevel.Info, expected),
            TelemetryComposition.Choose(request, fixture.Terminal with { IsOutputTerminal = isTerminal }));
    }

    [TestMethod]
    public void Choose_FileAndOption_OptionWins()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", """{ "telemetry_format": "json", "telemetry_level": "ERROR", "enable_telemetry": false }""");
        AgentRunRequest request = new()
        {
            BaseDirectory = fixture.Folder,
            PolicyFile = "p.json",
            PolicyOverrides = [new PolicyOverride("telemetry_level", ["debug"], "--telemetry-level")],
        };
        Assert.AreEqual(new TelemetryChoice(false, TelemetryLevel.Debug, TelemetryFormat.Json), TelemetryComposition.Choose(request, fixture.Terminal));
    }

    [TestMethod]
    public void Choose_WrongPolicy_GivesTheDefaults()
    {
        using CommandLineFixture fixture = new();
        AgentRunRequest request = new() { BaseDirectory = fixture.Folder, PolicyFile = "none.json" };
        Assert.AreEqual(new TelemetryChoice(true, TelemetryLevel.Info, TelemetryFormat.Simple), TelemetryComposition.Choose(request, fixture.Terminal));
    }
}
