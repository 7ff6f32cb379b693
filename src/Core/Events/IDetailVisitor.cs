namespace IsolatedAgents.Events;

/// <summary>The three names of one detail.</summary>
/// <param name="Label">As trees show it: <c>Container ID</c>.</param>
/// <param name="Key">As plain lines show it: <c>container_id</c>.</param>
/// <param name="Attribute">As JSON shows it: an OpenTelemetry attribute where one exists (<c>container.id</c>), else <c>isolated_agents.*</c>.</param>
public sealed record DetailName(string Label, string Key, string Attribute);

/// <summary>
/// Receives an event's details in order. Values come with their unit, so that a format for people can scale them and a format for machines keeps base units.
/// No call allocates on the caller's side.
/// </summary>
internal interface IDetailVisitor
{
    /// <summary>Text that may come from the agent: the visitor escapes it. A null value is left out.</summary>
    void Text(DetailName name, string? value);

    /// <summary>A plain number without a unit.</summary>
    void Number(DetailName name, long value);

    /// <summary>A size in bytes.</summary>
    void Bytes(DetailName name, long value);

    /// <summary>A used amount of a limit, both in bytes: <c>156 MB / 1024 MB (15%)</c>; JSON gets the used amount under the name's attribute and the limit under that and <c>.limit</c>.</summary>
    void BytesOf(DetailName name, long used, long limit);

    /// <summary>A span of time.</summary>
    void Duration(DetailName name, TimeSpan value);

    /// <summary>A percentage, 0 to 100 of whatever it measures, one decimal for people.</summary>
    void Percent(DetailName name, double value);

    /// <summary>A line without a label in a tree (<c>Container abc123 removed</c>); a named value elsewhere.</summary>
    void Line(DetailName name, string value);
}
