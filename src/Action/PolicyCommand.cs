using System.Collections.Immutable;
using System.CommandLine;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action;

/// <summary><c>isolated-agents policy check|schema|explain|suggest</c>.</summary>
internal static class PolicyCommand
{
    public static Command Create(Terminal terminal) =>
        new("policy", "Works on policy files.")
        {
            Check(terminal),
            Schema(terminal),
            PolicyExplainCommand.Create(terminal),
            PolicySuggestCommand.Create(terminal),
        };

    private static Command Schema(Terminal terminal)
    {
        Command command = new("schema", "Prints the JSON Schema of policy files.");
        command.SetAction(_ => terminal.Output.Write(PolicySchema.Text()));
        return command;
    }

    private static Command Check(Terminal terminal)
    {
        Argument<string> file = new("FILE") { Description = "The policy file." };
        Option<bool> json = new("--json") { Description = "Prints one JSON object instead of text." };
        Command command = new("check", "Says whether a policy file is valid, and what it amounts to.") { file, json };
        command.SetAction(parsed =>
        {
            string name = parsed.GetRequiredValue(file);
            if (UsageErrors.LooksLikeOption(name))
            {
                throw UsageErrors.Unexpected(name, command);
            }

            return Check(terminal, name, parsed.GetValue(json));
        });
        return command;
    }

    private static int Check(Terminal terminal, string file, bool asJson)
    {
        LoadedPolicy loaded;
        try
        {
            loaded = PolicyLoader.Load(file, terminal.CurrentDirectory, terminal.HomeDirectory, []);
        }
        catch (ConfigurationException e) when (asJson)
        {
            terminal.Output.WriteLine(PolicyReport.Json(e.Diagnostic));
            terminal.Error.WriteLine(e.Diagnostic.ToString());
            return Verdict.ConfigurationError.ExitCode();
        }

        ImmutableArray<UnavailableControl> refused = UnavailableControls.Of(loaded.Policy);
        ImmutableArray<Diagnostic> warnings = PolicyWarnings.Of(loaded, terminal.Environment);
        if (asJson || refused.IsEmpty)
        {
            terminal.Output.Write(asJson ? PolicyReport.Json(loaded, warnings) + "\n" : PolicyReport.Text(loaded, warnings));
        }

        foreach (UnavailableControl control in refused)
        {
            terminal.Error.WriteLine(PolicyReport.Refusal(loaded, control).ToString());
        }

        return (refused.IsEmpty ? Verdict.Passed : Verdict.ConfigurationError).ExitCode();
    }
}
