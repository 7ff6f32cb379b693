using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.Engines;
using IsolatedAgents.Examination;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action;

/// <summary><c>isolated-agents doctor [--engine KIND] [--policy FILE] [--json]</c>.</summary>
internal static class DoctorCommand
{
    public static Command Create(Terminal terminal)
    {
        Option<string?> engine = new("--engine")
        {
            HelpName = "auto|docker|podman",
            Description = "Which engine to look at.",
            Arity = ArgumentArity.ExactlyOne,
        };
        Option<string?> policy = new("--policy")
        {
            HelpName = "FILE",
            Description = "The policy that runs are to have; the default policy unless one is named.",
            Arity = ArgumentArity.ExactlyOne,
        };
        Option<bool> json = new("--json") { Description = "Prints one JSON object instead of text." };
        Command command = new(
            "doctor",
            "Says whether agents can be run here: looks at the engine, and at a real sandbox from inside. Exit code 0 when a run is possible, 6 when it is not."
        )
        {
            engine,
            policy,
            json,
        };
        command.SetAction(
            async (parsed, token) =>
            {
                string? word = parsed.GetValue(engine);
                AgentRunRequest request = new()
                {
                    BaseDirectory = terminal.CurrentDirectory,
                    Engine = RequestWords.Engine(word)
                        ?? throw UsageErrors.New($"'--engine' must be {RequestWords.Of<EngineKind>()}, but is '{QuotedText.Of(word!)}'."),
                    PolicyFile = parsed.GetValue(policy),
                    HostEnvironment = terminal.Environment,
                };
                IReadOnlyList<Finding> findings = await new Doctor(request).ExamineAsync(token);
                bool isPossible = findings.All(finding => finding.State != FindingState.Missing);
                await terminal.Output.WriteAsync(
                    parsed.GetValue(json)
                        ? JsonSerializer.Serialize(new DoctorReport(isPossible, findings), DoctorReportContext.Default.DoctorReport) + "\n"
                        : Text(findings)
                );
                return isPossible ? 0 : Verdict.EngineError.ExitCode();
            }
        );
        return command;
    }

    private static string Text(IReadOnlyList<Finding> findings) =>
        string.Concat(
            findings.Select(finding =>
                $"{finding.State.ToString().ToLowerInvariant(), -9}{UntrustedText.Display($"{finding.Check}: {finding.Found}")}\n"
                + (finding.Cost is null ? "" : $"{"", 9}costs: {finding.Cost}; do: {finding.Remedy}\n")
            )
        );
}

/// <summary>The output of <c>doctor --json</c>.</summary>
internal sealed record DoctorReport(bool CanRun, IReadOnlyList<Finding> Findings);

[JsonSerializable(typeof(DoctorReport))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(FindingStateConverter)])]
internal sealed partial class DoctorReportContext : JsonSerializerContext;

/// <summary>Writes states as the text does: <c>ok</c>, <c>warning</c>, <c>missing</c>.</summary>
internal sealed class FindingStateConverter() : JsonStringEnumConverter<FindingState>(JsonNamingPolicy.SnakeCaseLower);
