using IsolatedAgents.Events;

namespace IsolatedAgents.Core.Tests.Generation;

/// <summary>The page of the events.</summary>
internal static class EventPage
{
    public static GeneratedFile File { get; } =
        new("docs/events.md", "EventCatalog", [.. EventCatalog.All.Select(descriptor => $"| `{descriptor.Name}` |")], Page);

    private static string Page(string current)
    {
        IEnumerable<string> rows = EventCatalog.All.Select(Row);
        return $"""
            # Events

            What a run reports, in the session record, the audit log and on standard output. Name and id of an event never change. Their details are in the
            [JSON Schema](../src/Core/Telemetry/events.schema.json). This page follows from the product's own table.

            | id | name | level | title |
            |---|---|---|---|
            {string.Join('\n', rows)}

            """;
    }

    private static string Row(EventDescriptor descriptor) =>
        $"| {descriptor.Id} | `{descriptor.Name}` | {descriptor.Level.ToString().ToUpperInvariant()} | {descriptor.Icon} {descriptor.Title} |";
}
