using System.Collections.Immutable;
using System.CommandLine;
using System.CommandLine.Parsing;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Action;

/// <summary>
/// One option for each policy key. They carry text alone: what it may be is the policy's to judge, the same for a file and an option.
/// </summary>
internal sealed class PolicyOptions
{
    private readonly ImmutableArray<(PolicyKey Key, Option Option)> _options = [.. PolicyKeys.All.Select(key => (key, Create(key)))];

    public IEnumerable<Option> All => _options.Select(pair => pair.Option);

    /// <summary>The keys that the command line sets.</summary>
    public ImmutableArray<PolicyOverride> Read(ParseResult parsed)
    {
        ImmutableArray<PolicyOverride>.Builder overrides = ImmutableArray.CreateBuilder<PolicyOverride>();
        foreach ((PolicyKey key, Option option) in _options)
        {
            if (parsed.GetResult(option) is { Implicit: false } result)
            {
                overrides.Add(new PolicyOverride(key.Name, Values(key, result), result.IdentifierToken?.Value ?? option.Name));
            }
        }

        return overrides.ToImmutable();
    }

    private static ImmutableArray<string> Values(PolicyKey key, OptionResult result)
    {
        // A flag without a value is true.
        return key.Kind == PolicyKeyKind.Flag && result.Tokens.Count == 0 ? ["true"] : [.. result.Tokens.Select(token => token.Value)];
    }

    private static Option Create(PolicyKey key)
    {
        Option option = key.Kind switch
        {
            PolicyKeyKind.Flag => new Option<bool>(key.OptionName),
            _ when key.TakesMany => new Option<string[]>(key.OptionName) { Arity = ArgumentArity.OneOrMore },
            _ => new Option<string>(key.OptionName) { Arity = ArgumentArity.ExactlyOne },
        };
        option.HelpName = key.Placeholder
            ?? (
                key.Kind switch
                {
                    PolicyKeyKind.Flag => "true|false",
                    PolicyKeyKind.Choice or PolicyKeyKind.ChoiceSet => "NAME",
                    _ => "NUMBER",
                }
            );
        string allowed = key.Kind is PolicyKeyKind.Choice or PolicyKeyKind.ChoiceSet or PolicyKeyKind.Integer or PolicyKeyKind.Number
            ? $" Must be {key.Allowed}."
            : "";
        option.Description = $"{key.Meaning}{(key.TakesMany ? " May be repeated." : "")}{allowed}";
        return option;
    }
}
