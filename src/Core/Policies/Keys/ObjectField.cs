using IsolatedAgents.Policies.Rules;

namespace IsolatedAgents.Policies.Keys;

/// <summary>A field of the objects that a key lists.</summary>
/// <param name="Name">In snake_case.</param>
/// <param name="Meaning">One line for a person.</param>
/// <param name="Rule">Accepts its text, or each entry of its list.</param>
internal sealed record ObjectField(string Name, string Meaning, Func<string, Checked<string>> Rule)
{
    public bool IsRequired { get; init; }

    /// <summary>Whether it holds a list of texts, and not one.</summary>
    public bool IsList { get; init; }
}
