using System.Collections.Immutable;
using System.Globalization;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Reading;

/// <summary>The kind of a value in a policy.</summary>
internal enum PolicyNodeKind
{
    Null,
    True,
    False,
    Number,
    Text,
    Array,
    Object,
}

/// <summary>A named value of an object, with the place of its name.</summary>
internal sealed record PolicyMember(string Name, TextPosition NamePosition, PolicyNode Value);

/// <summary>A value before it is judged, the same for a file and for a parameter, so that both meet the same rules.</summary>
internal sealed record PolicyNode(PolicyNodeKind Kind, TextPosition Position)
{
    /// <summary>The text, or a number's digits.</summary>
    public string Text { get; init; } = "";

    public ImmutableArray<PolicyNode> Items { get; init; } = [];

    public ImmutableArray<PolicyMember> Members { get; init; } = [];

    /// <summary>The text of a parameter, which has no place in a file.</summary>
    public static PolicyNode FromText(string text) => new(PolicyNodeKind.Text, default) { Text = text };

    /// <summary>Describes the value for a message.</summary>
    public string Describe() =>
        Kind switch
        {
            PolicyNodeKind.Null => "null",
            PolicyNodeKind.True => "true",
            PolicyNodeKind.False => "false",
            PolicyNodeKind.Number => Text,
            PolicyNodeKind.Text => $"the text '{QuotedText.Of(Text)}'",
            PolicyNodeKind.Array => string.Create(CultureInfo.InvariantCulture, $"a list of {Items.Length}"),
            _ => "an object",
        };
}
