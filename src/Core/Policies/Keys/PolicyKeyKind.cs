namespace IsolatedAgents.Policies.Keys;

/// <summary>The form of a key's value.</summary>
internal enum PolicyKeyKind
{
    Text,
    Integer,
    Number,
    Flag,
    Choice,
    ChoiceSet,
    List,
    Map,
    Objects,
}
