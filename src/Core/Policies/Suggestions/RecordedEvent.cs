using System.Text.Json;

namespace IsolatedAgents.Policies.Suggestions;

/// <summary>
/// One event of a session record. What it says comes from a sandbox: its fields are looked at one by one, and nothing in it names a type.
/// </summary>
internal readonly struct RecordedEvent(JsonElement fields)
{
    /// <summary>Its name, such as <c>violation.filesystem</c>.</summary>
    public string Name => Text("event.name");

    /// <summary>Whether it was told as an error; an expected violation was not.</summary>
    public bool IsError => Text("severity_text") == "ERROR";

    /// <summary>A field's text; empty where there is none.</summary>
    public string Text(string field) =>
        fields.TryGetProperty(field, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    /// <summary>A field's number; 0 where there is none, or where it is none that can be.</summary>
    public double Number(string field) =>
        fields.TryGetProperty(field, out JsonElement value)
        && value.ValueKind == JsonValueKind.Number
        && value.TryGetDouble(out double number)
        && number is >= 0 and < 1e15
            ? number
            : 0;
}
