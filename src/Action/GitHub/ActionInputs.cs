using System.Collections.Frozen;
using System.Collections.Immutable;
using System.CommandLine.Parsing;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Action.GitHub;

/// <summary>
/// The inputs of the action, as the runner passes them: <c>INPUT_</c> and the name in upper case, with its dashes. It always passes all of
/// them, so that an empty one is one that was not given.
/// </summary>
internal sealed class ActionInputs(FrozenDictionary<string, string> environment)
{
    private static readonly char[] LineEnds = ['\n', '\r'];
    private static readonly char[] Separators = [.. LineEnds, ','];

    /// <summary>The value of an input; null where it was not given.</summary>
    public string? Find(string name) =>
        environment.TryGetValue("INPUT_" + name.ToUpperInvariant(), out string? value) && value.Trim() is { Length: > 0 } given
            ? given
            : null;

    /// <summary>The agent's arguments: one a line, or on one line as a command line separates them.</summary>
    public ImmutableArray<string> Arguments() =>
        Find("args") switch
        {
            null => [],
            { } lines when lines.Contains('\n', StringComparison.Ordinal) =>
            [
                .. lines.Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0),
            ],
            { } line => [.. CommandLineParser.SplitCommandLine(line)],
        };

    /// <summary>The entries of a list, separated by commas or lines.</summary>
    public ImmutableArray<string> List(string name) => Split(Find(name), Separators);

    /// <summary>The policy keys that inputs set.</summary>
    public ImmutableArray<PolicyOverride> Overrides() =>
        [
            .. from key in PolicyKeys.All
            let value = key.ActionInput is { } input ? Find(input) : null
            where value is not null
            select new PolicyOverride(
                key.Name,
                key.TakesMany ? Split(value, key.HoldsCommas ? LineEnds : Separators) : [value],
                key.ActionInput!
            ),
        ];

    private static ImmutableArray<string> Split(string? value, char[] separators) =>
        value is null ? [] : [.. value.Split(separators, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
}
