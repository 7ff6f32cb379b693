using System.CommandLine;
using IsolatedAgents.Changes;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Suggestions;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action;

/// <summary>
/// <c>isolated-agents policy suggest RECORD... [--policy FILE]</c>: standard output holds the diff and nothing else, so that <c>git
/// apply</c> takes it.
/// </summary>
internal static class PolicySuggestCommand
{
    private const string NewFile = "agent-policy.json";

    public static Command Create(Terminal terminal)
    {
        Argument<string[]> records = new("RECORD")
        {
            Description = "Records of runs: session.jsonl of a report directory, an audit log, or JSON telemetry.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string?> file = new("--policy")
        {
            HelpName = "FILE",
            Description = "The policy file to change; without it a new one is suggested.",
            Arity = ArgumentArity.ExactlyOne,
        };
        Command command = new(
            "suggest",
            "Prints the smallest change to a policy that would have let recorded runs pass, as a diff. Read it before you take it: it is what the agent asked for."
        )
        {
            records,
            file,
        };
        command.SetAction(parsed =>
        {
            string[] names = parsed.GetRequiredValue(records);
            if (names.FirstOrDefault(UsageErrors.LooksLikeOption) is { } option)
            {
                throw UsageErrors.Unexpected(option, command);
            }

            return Suggest(terminal, names, parsed.GetValue(file));
        });
        return command;
    }

    private static int Suggest(Terminal terminal, string[] names, string? file)
    {
        PolicyAdvisor advisor = new(PolicyLoader.Load(file, terminal.CurrentDirectory, terminal.HomeDirectory, []).Policy);
        foreach (string record in names)
        {
            Read(Path.GetFullPath(record, terminal.CurrentDirectory), record, advisor);
        }

        PolicySuggestion suggestion = advisor.Suggestion;
        foreach (string left in suggestion.Left)
        {
            terminal.Error.WriteLine($"not suggested: {left}");
        }

        if (suggestion.Changes.IsEmpty)
        {
            terminal.Error.WriteLine("Nothing in these records asks for a change that a policy can make.");
            return Verdict.Passed.ExitCode();
        }

        string before = file is null ? "" : File.ReadAllText(Path.GetFullPath(file, terminal.CurrentDirectory));
        PolicyTextEditor editor = new(file is null ? "{\n}\n" : before);
        foreach (PolicyChange change in suggestion.Changes.Reverse())
        {
            editor.Apply(change);
        }

        string name = (file ?? NewFile).Replace('\\', '/');
        terminal.Output.Write(UnifiedDiff.Create(before, editor.Text, file is null ? "/dev/null" : $"a/{name}", $"b/{name}"));
        return Verdict.Passed.ExitCode();
    }

    private static void Read(string path, string asGiven, PolicyAdvisor advisor)
    {
        try
        {
            using FileStream record = File.OpenRead(path);
            SessionRecordReader.Read(record, asGiven, advisor.Take);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw UsageErrors.New($"The record '{QuotedText.Of(asGiven)}' cannot be read: {failure.Message} Name an existing file.");
        }
    }
}
