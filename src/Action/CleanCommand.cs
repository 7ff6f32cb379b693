using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.CleanUp;
using IsolatedAgents.Engines;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action;

/// <summary><c>isolated-agents clean [--engine KIND] [--dry-run] [--json]</c>.</summary>
internal static class CleanCommand
{
    public static Command Create(Terminal terminal)
    {
        Option<string?> engine = new("--engine")
        {
            HelpName = "auto|docker|podman",
            Description = "Which engine to look at; every one that answers unless one is named.",
            Arity = ArgumentArity.ExactlyOne,
        };
        Option<bool> dryRun = new("--dry-run") { Description = "Names what would be removed, and removes nothing." };
        Option<bool> json = new("--json") { Description = "Prints one JSON object instead of text." };
        Command command = new(
            "clean",
            "Removes containers and folders of runs whose process is gone, and nothing else. Exit code 0 when nothing of the kind is left, 6 where something could not be removed or no engine answers."
        )
        {
            engine,
            dryRun,
            json,
        };
        command.SetAction(
            async (parsed, token) =>
            {
                string? word = parsed.GetValue(engine);
                EngineKind kind = RequestWords.Engine(word)
                    ?? throw UsageErrors.New($"'--engine' must be {RequestWords.Of<EngineKind>()}, but is '{QuotedText.Of(word!)}'.");
                return await CleanAsync(terminal, kind, parsed.GetValue(dryRun), parsed.GetValue(json), token);
            }
        );
        return command;
    }

    private static async Task<int> CleanAsync(
        Terminal terminal,
        EngineKind kind,
        bool onlyLook,
        bool asJson,
        CancellationToken cancellationToken
    )
    {
        IReadOnlyList<Leftover> leftovers;
        try
        {
            leftovers = await new Cleaner(terminal.Environment).RunAsync(kind, onlyLook, cancellationToken);
        }
        catch (EngineException failure)
        {
            await terminal.Error.WriteLineAsync($"error {failure.Code}: {failure.Message}");
            return Verdict.EngineError.ExitCode();
        }

        if (asJson)
        {
            await terminal.Output.WriteLineAsync(
                JsonSerializer.Serialize(new CleanReport(onlyLook, leftovers), CleanReportContext.Default.CleanReport)
            );
        }
        else
        {
            foreach (Leftover leftover in leftovers)
            {
                string where = leftover.Engine is null ? "" : $" on {leftover.Engine}";
                await terminal.Output.WriteLineAsync(
                    $"{(leftover.Problem is { } problem ? $"not removed ({problem})" : onlyLook ? "would remove" : "removed")}: {leftover.Kind} {leftover.Id}{where}"
                );
            }

            if (leftovers.Count == 0)
            {
                await terminal.Output.WriteLineAsync("nothing is left over");
            }
        }

        return leftovers.Any(leftover => leftover.Problem is not null) ? Verdict.EngineError.ExitCode() : 0;
    }
}

/// <summary>The output of <c>clean --json</c>.</summary>
internal sealed record CleanReport(bool DryRun, IReadOnlyList<Leftover> Leftovers);

[JsonSerializable(typeof(CleanReport))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
internal sealed partial class CleanReportContext : JsonSerializerContext;
