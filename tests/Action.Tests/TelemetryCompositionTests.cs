using IsolatedAgents.Engines;
using IsolatedAgents.Execution;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.Tests;

[TestClass]
public sealed class TelemetryCompositionTests
{
    public required TestContext TestContext { get; set; }

    [TestMethod]
    [DataRow(true, TelemetryFormat.Rich)]
    [DataRow(false, TelemetryFormat.Simple)]
    public async Task NoPolicy_TheTerminalDecidesTheFormat(bool isTerminal, TelemetryFormat expected)
    {
        using CommandLineFixture fixture = new();
        TelemetrySettings settings = await PrepareAsync(new AgentRunRequest { BaseDirectory = fixture.Folder, Command = "true" });

        Assert.AreEqual(new TelemetrySettings(true, TelemetryLevel.Info, null), settings);
        Assert.AreEqual(expected, TelemetryComposition.FormatOf(settings, fixture.Terminal with { IsOutputTerminal = isTerminal }));
    }

    [TestMethod]
    public async Task FileAndOption_OptionWins()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", """{ "telemetry_format": "json", "telemetry_level": "ERROR", "enable_telemetry": false }""");
        TelemetrySettings settings = await PrepareAsync(
            new AgentRunRequest
            {
                BaseDirectory = fixture.Folder,
                Command = "true",
                PolicyFile = "p.json",
                PolicyOverrides = [new PolicyOverride("telemetry_level", ["debug"], "--telemetry-level")],
            }
        );

        Assert.AreEqual(new TelemetrySettings(false, TelemetryLevel.Debug, TelemetryFormat.Json), settings);
    }

    [TestMethod]
    public async Task WrongPolicy_DefaultsHold()
    {
        using CommandLineFixture fixture = new();

        Assert.AreEqual(
            TelemetrySettings.Default,
            await PrepareAsync(
                new AgentRunRequest
                {
                    BaseDirectory = fixture.Folder,
                    Command = "true",
                    PolicyFile = "none.json",
                }
            )
        );
    }

    [TestMethod]
    public async Task AgentIsMissing_ThePolicyStillDecides()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", """{ "telemetry_format": "json" }""");

        TelemetrySettings settings = await PrepareAsync(
            new AgentRunRequest
            {
                BaseDirectory = fixture.Folder,
                Agent = "none.py",
                PolicyFile = "p.json",
            }
        );

        Assert.AreEqual(TelemetryFormat.Json, settings.Format);
    }

    private async Task<TelemetrySettings> PrepareAsync(AgentRunRequest request) =>
        (await RunPreparation.PrepareAsync(request, new EngineMemory(), TestContext.CancellationToken)).Telemetry;
}
