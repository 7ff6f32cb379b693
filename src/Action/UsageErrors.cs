using System.CommandLine;
using System.CommandLine.Parsing;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies.Keys;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action;

/// <summary>Command lines that mean nothing, told in one line.</summary>
internal static class UsageErrors
{
    /// <summary>The exception for the first error of <paramref name="parsed"/>; those behind it often follow from it.</summary>
    public static ConfigurationException Of(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        if (parsed.UnmatchedTokens.Count > 0)
        {
            return Unexpected(parsed.UnmatchedTokens[0], command);
        }

        if (command.Subcommands.Count > 0)
        {
            return New($"No command is given; write {Words.Either(Names(command))}, or '--help' for more.");
        }

        return New(parsed.Errors[0].Message.ReplaceLineEndings(" "));
    }

    /// <summary>The exception for a word that has no place on the command line.</summary>
    public static ConfigurationException Unexpected(string token, Command command)
    {
        string shown = QuotedText.Of(token);
        if (!token.StartsWith('-'))
        {
            return New(
                command.Subcommands.Count > 0
                    ? $"Unknown command '{shown}'; write {Words.Either(Names(command))}."
                    : $"Unexpected argument '{shown}'; write the agent's own arguments behind '--'."
            );
        }

        string name = token.Contains('=', StringComparison.Ordinal) ? token[..token.IndexOf('=', StringComparison.Ordinal)] : token;
        return New(
            NearestName.Find(name, command.Options.Select(option => option.Name)) is { } nearest
                ? $"Unknown option '{QuotedText.Of(name)}'; did you mean '{nearest}'."
                : $"Unknown option '{QuotedText.Of(name)}'; '--help' lists the options, and the agent's own go behind '--'."
        );
    }

    // Those that people type.
    private static IEnumerable<string> Names(Command command) => command.Subcommands.Where(sub => !sub.Hidden).Select(sub => sub.Name);

    public static ConfigurationException New(string message) => new(DiagnosticTable.Parameters, message);

    /// <summary>Whether a word was meant as an option although the parser took it for an argument.</summary>
    public static bool LooksLikeOption(string token) => token.Length > 1 && token[0] == '-';

    /// <summary>The first word that <paramref name="result"/> holds; null where it holds none.</summary>
    public static string? FirstToken(SymbolResult? result) => result is { Tokens: [Token first, ..] } ? first.Value : null;
}
