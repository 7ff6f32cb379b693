using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Keys;

/// <summary>
/// One row of <see cref="PolicyKeys"/>: all that is known about a policy key. The reader, the JSON Schema, the command line's options,
/// MSBuild's parameters and the documentation follow from it.
/// </summary>
/// <param name="name">In snake_case, with a dot behind its section.</param>
/// <param name="kind">The form of its value.</param>
/// <param name="meaning">One line for a person.</param>
internal abstract class PolicyKey(string name, PolicyKeyKind kind, string meaning)
{
    public string Name { get; } = name;

    public PolicyKeyKind Kind { get; } = kind;

    public string Meaning { get; } = meaning;

    /// <summary>The object that holds the key; null for the top level.</summary>
    public string? Section { get; } =
        name.Contains('.', StringComparison.Ordinal) ? name[..name.IndexOf('.', StringComparison.Ordinal)] : null;

    /// <summary>The name inside its section.</summary>
    public string LeafName { get; } = name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..];

    /// <summary>Another name that the file may use.</summary>
    public string? Alias { get; init; }

    /// <summary>The name as a parameter, in snake_case, where it is not <see cref="LeafName"/>.</summary>
    public string? ParameterName { get; init; }

    /// <summary>The name of one entry, in snake_case, for options that are given once for each entry.</summary>
    public string? ItemName { get; init; }

    /// <summary>The placeholder of the option's value in help texts.</summary>
    public string? Placeholder { get; init; }

    /// <summary>Text that the documentation adds to <see cref="Meaning"/>, in Markdown.</summary>
    public string Notes { get; init; } = "";

    /// <summary>The default in the documentation, in Markdown, where its value does not say it.</summary>
    public string? DefaultWords { get; init; }

    /// <summary>The input of the GitHub action that sets the key; null where none does.</summary>
    public string? ActionInput { get; init; }

    /// <summary>Whether an entry may hold a comma, so that the action's input separates entries by lines alone.</summary>
    public bool HoldsCommas { get; init; }

    /// <summary>Whether a value has any number of entries.</summary>
    public bool TakesMany => Kind is PolicyKeyKind.List or PolicyKeyKind.Map or PolicyKeyKind.Objects or PolicyKeyKind.ChoiceSet;

    /// <summary>The command line's option: <c>--memory-mb</c>, <c>--allowed-endpoint</c>.</summary>
    public string OptionName => "--" + (ItemName ?? ParameterName ?? LeafName).Replace('_', '-');

    /// <summary>MSBuild's parameter: <c>MemoryMb</c>, <c>AllowedEndpoints</c>.</summary>
    public string PascalName
    {
        get
        {
            StringBuilder result = new();
            foreach (string part in (ParameterName ?? LeafName).Split('_'))
            {
                result.Append(char.ToUpperInvariant(part[0])).Append(part, 1, part.Length - 1);
            }

            return result.ToString();
        }
    }

    /// <summary>The accepted values, worded to follow "must be".</summary>
    public abstract string Allowed { get; }

    /// <summary>The key's value as JSON, the same text for the same value.</summary>
    public abstract JsonNode? ValueOf(Policy policy);

    /// <summary>Judges a value and gives the policy with it.</summary>
    /// <exception cref="ConfigurationException">The value is refused.</exception>
    public abstract Policy Apply(Policy policy, PolicyNode node, PolicyContext context);

    /// <summary>The key's part of the JSON Schema, without description and default.</summary>
    public abstract JsonObject Schema();

    /// <summary>The text of a parameter as the value that a file would hold.</summary>
    public PolicyNode FromParameter(ImmutableArray<string> values, PolicySource source)
    {
        if (TakesMany)
        {
            return ManyFromText(values, source);
        }

        return values.Length == 1
            ? OneFromText(values[0])
            : throw source.Error(
                default,
                string.Create(CultureInfo.InvariantCulture, $"'{Name}' takes one value, but is given {values.Length}.")
            );
    }

    /// <summary>One scalar from text; what it cannot be stays text, so that the same message says so.</summary>
    protected virtual PolicyNode OneFromText(string text) => PolicyNode.FromText(text);

    protected virtual PolicyNode ManyFromText(ImmutableArray<string> values, PolicySource source) =>
        new(PolicyNodeKind.Array, default) { Items = [.. values.Select(PolicyNode.FromText)] };

    /// <summary>The exception for a value of the wrong type or out of range.</summary>
    protected ConfigurationException MustBe(PolicyNode node, PolicyContext context, string? hint = null) =>
        context.Source.Error(node.Position, $"'{Name}' must be {Allowed}, but is {node.Describe()}{(hint is null ? "" : $": {hint}")}.");

    /// <summary>The exception for a value that a rule refused.</summary>
    protected ConfigurationException Refused(PolicyNode node, PolicyContext context, string problem) =>
        context.Source.Error(node.Position, $"'{Name}' entry '{QuotedText.Of(WithoutCredentials(node.Text))}' is refused: {problem}.");

    /// <summary>A refused address may hold a password, and messages end up in build logs.</summary>
    private static string WithoutCredentials(string text)
    {
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        int end = text.LastIndexOf('@');
        return scheme >= 0 && end > scheme ? $"{text[..(scheme + 3)]}***{text[end..]}" : text;
    }
}
