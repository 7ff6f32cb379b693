using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Core.Tests.Generation;

/// <summary>The action's inputs that are policy keys.</summary>
internal static class ActionFile
{
    public static GeneratedFile File { get; } =
        new("action.yml", "PolicyKeys", [.. Keys.Select(key => $"\n  {key.ActionInput}:\n")], text =>
            GeneratedFile.ReplaceBetween(
                text,
                "  # Policy keys, from the product's table. Each one that is given replaces what the policy file says.\n",
                "  # End of the policy keys.\n",
                Keys.SelectMany(Lines)
            )
        );

    private static IEnumerable<PolicyKey> Keys => PolicyKeys.All.Where(key => key.ActionInput is not null);

    private static IEnumerable<string> Lines(PolicyKey key)
    {
        string separator =
            !key.TakesMany ? ""
            : key.HoldsCommas ? " One entry a line."
            : " Entries are separated by commas or lines.";
        string choices = key.Kind is PolicyKeyKind.Choice or PolicyKeyKind.ChoiceSet ? $" It must be {key.Allowed}." : "";
        yield return $"  {key.ActionInput}:";
        yield return $"    description: '{$"{key.Meaning}{choices}{separator}".Replace("'", "''", StringComparison.Ordinal)}'";
        yield return "    required: false";
    }
}
