using System.Text.Json.Nodes;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Core.Tests.Generation;

/// <summary>The page of the policy's keys.</summary>
internal static class PolicyKeyPage
{
    public static GeneratedFile File { get; } =
        new("docs/policy-keys.md", "PolicyKeys", [.. PolicyKeys.All.Select(key => $"| `{key.Name}` |")], _ => $"""
                # Policy keys

                A name with a dot is nested: `filesystem.workspace` is `{"{"} "filesystem": {"{"} "workspace": … {"}"} {"}"}`. Each key is also an option of the command line and a
                parameter of the MSBuild task; a list given there replaces the file's. This page follows from the product's own table, as the
                [JSON Schema](../src/Core/Policies/policy.schema.json) does.

                | key | value | default | meaning | option | MSBuild |
                |---|---|---|---|---|---|
                {string.Join('\n', PolicyKeys.All.Select(Row))}

                """);

    private static string Row(PolicyKey key) =>
        $"| `{key.Name}` | {key.Allowed.Replace("|", "\\|", StringComparison.Ordinal)} | {Default(key)} | {key.Meaning}{(key.Notes.Length > 0 ? " " : "")}{key.Notes} | `{key.OptionName}` | `{key.PascalName}` |";

    private static string Default(PolicyKey key) =>
        key.DefaultWords
        ?? key.ValueOf(Policy.Default) switch
        {
            null => "none",
            JsonArray { Count: 0 } or JsonObject { Count: 0 } => "none",
            JsonArray array => string.Join(", ", array.Select(item => $"`{item}`")),
            { } value => $"`{value.ToJsonString().Trim('"')}`",
        };
}
