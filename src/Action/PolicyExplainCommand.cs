using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action;

/// <summary><c>isolated-agents policy explain PATH|HOST [--policy FILE] [--json]</c>.</summary>
internal static class PolicyExplainCommand
{
    public static Command Create(Terminal terminal)
    {
        Argument<string> subject = new("PATH|HOST") { Description = "An absolute path in the sandbox, or a host with or without a port." };
        Option<string?> file = new("--policy")
        {
            HelpName = "FILE",
            Description = "The policy file; without it the default policy.",
            Arity = ArgumentArity.ExactlyOne,
        };
        Option<bool> json = new("--json") { Description = "Prints one JSON object instead of text." };
        Command command = new("explain", "Says which rule decides on a path or a host, and why.") { subject, file, json };
        command.SetAction(parsed =>
        {
            string asked = parsed.GetRequiredValue(subject);
            if (UsageErrors.LooksLikeOption(asked))
            {
                throw UsageErrors.Unexpected(asked, command);
            }

            LoadedPolicy loaded = PolicyLoader.Load(parsed.GetValue(file), terminal.CurrentDirectory, terminal.HomeDirectory, []);
            Explanation explanation = asked.StartsWith('/')
                ? ExplainPath(loaded.Policy, asked)
                : EndpointExplanation.Of(loaded.Policy, asked);
            foreach (UnavailableControl control in UnavailableControls.Of(loaded.Policy))
            {
                // Under a policy that no run accepts, nothing at all is allowed.
                explanation = explanation with
                {
                    Notes = [.. explanation.Notes, $"No run would begin under this policy: {control.Message}"],
                };
            }

            terminal.Output.WriteLine(
                parsed.GetValue(json) ? JsonSerializer.Serialize(explanation, ExplanationContext.Default.Explanation) : Text(explanation)
            );
            return Verdict.Passed.ExitCode();
        });
        return command;
    }

    private static Explanation ExplainPath(Policy policy, string asked)
    {
        Checked<string> path = SandboxPathRules.Check(asked);
        string plain = path.Value ?? throw UsageErrors.New($"The path '{QuotedText.Of(asked)}' cannot be explained: {path.Problem}.");
        return new Explanation(
            plain,
            [
                new AccessExplanation("read", FileDecision.Read(policy, plain)),
                new AccessExplanation("write", FileDecision.Write(policy, plain)),
            ],
            []
        );
    }

    private static string Text(Explanation explanation) =>
        QuotedText.Of(explanation.Subject)
        + string.Concat(
            explanation.Accesses.Select(access =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"\n  {access.Access, -7}{(access.Port is { } port ? $" on {port}" : "")} {(access.Decision.IsAllowed ? "allowed" : "denied")} by {access.Decision.Rule}{(access.Decision.Entry is { } entry ? $": {QuotedText.Of(entry)}" : "")}{(access.Decision.Reason is { } reason ? $": {reason}" : "")}"
                )
            )
        )
        + string.Concat(explanation.Notes.Select(note => $"\n  {QuotedText.Of(note)}"));
}

/// <summary>The output of <c>policy explain</c>.</summary>
/// <param name="Subject">What was asked, in its normal form.</param>
/// <param name="Accesses">What may be done with it.</param>
/// <param name="Notes">What else to know of it, one sentence each.</param>
internal sealed record Explanation(string Subject, AccessExplanation[] Accesses, string[] Notes);

/// <summary>One way to use the subject.</summary>
/// <param name="Access"><c>read</c>, <c>write</c> or <c>connect</c>.</param>
/// <param name="Decision">What the policy says.</param>
/// <param name="Port">The port of a connection where none was asked for; null elsewhere.</param>
internal sealed record AccessExplanation(string Access, FileDecision Decision, int? Port = null);

[JsonSerializable(typeof(Explanation))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
internal sealed partial class ExplanationContext : JsonSerializerContext;
