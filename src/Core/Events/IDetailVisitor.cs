using System.Collections.Immutable;
using System.Text;

namespace IsolatedAgents.Events;

/// <summary>The three names of one detail. Made once each, and the same only where it is the same object.</summary>
/// <param name="label">As trees show it: <c>Container ID</c>.</param>
/// <param name="key">As plain lines show it: <c>container_id</c>.</param>
/// <param name="attribute">
/// As JSON shows it: an OpenTelemetry attribute where one exists (<c>container.id</c>), else <c>isolated_agents.*</c>.
/// </param>
public sealed class DetailName(string label, string key, string attribute)
{
    /// <summary>As trees show it: <c>Container ID</c>.</summary>
    public string Label { get; } = label;

    /// <summary>As plain lines show it: <c>container_id</c>.</summary>
    public string Key { get; } = key;

    /// <summary>
    /// As JSON shows it: an OpenTelemetry attribute where one exists (<c>container.id</c>), else <c>isolated_agents.*</c>.
    /// </summary>
    public string Attribute { get; } = attribute;

    /// <summary>
    /// The text before a value in an object of JSON: <c>,"container.id":</c>. Our own names are ASCII and need no escape.
    /// </summary>
    internal byte[] JsonMember { get; } = Encoding.ASCII.GetBytes($",\"{attribute}\":");
}

/// <summary>A named text, for details whose names are not known beforehand.</summary>
/// <param name="Label">What it is.</param>
/// <param name="Value">Its value.</param>
public sealed record LabeledValue(string Label, string Value);

/// <summary>A file and its size.</summary>
/// <param name="Name">Path below its folder.</param>
/// <param name="Bytes">Size in bytes.</param>
public sealed record SizedFile(string Name, long Bytes);

/// <summary>
/// Receives an event's details in order. Values come with their unit, so that a format for people can scale them and a format for machines
/// keeps base units. No call allocates on the caller's side.
/// </summary>
internal interface IDetailVisitor
{
    /// <summary>Text that may come from the agent: the visitor escapes it. A null value is left out.</summary>
    void Text(DetailName name, string? value);

    /// <summary>A word of our own: <c>Running</c> for people, <c>running</c> for machines. A null value is left out.</summary>
    void Word(DetailName name, string? value);

    /// <summary>A fact that is named only where it holds.</summary>
    void Flag(DetailName name, bool value);

    /// <summary>A plain number without a unit. A null value is left out.</summary>
    void Number(DetailName name, long? value);

    /// <summary>A number with one decimal and a unit that only people need: <c>2.0 cores</c>.</summary>
    void Quantity(DetailName name, double value, string unit);

    /// <summary>A size in bytes, in the unit that suits it: <c>2.4 KB</c>. A null value is left out.</summary>
    void Bytes(DetailName name, long? value);

    /// <summary>A size in bytes that people compare with <paramref name="limit"/>, so in the unit that suits that: <c>0.5 MB</c>.</summary>
    void BytesLike(DetailName name, long value, long limit);

    /// <summary>
    /// A used amount of a limit, both in bytes; JSON gets the used amount under the name's attribute and the limit under that and
    /// <c>.limit</c>.
    /// </summary>
    void BytesOf(DetailName name, long used, long limit);

    /// <summary>An amount of memory in bytes; for people in whole MB, the unit of the policy.</summary>
    void Memory(DetailName name, long value);

    /// <summary>
    /// Memory in use and its limit, both in bytes: <c>156 MB / 1024 MB (15%)</c>; names in JSON as with <see cref="BytesOf"/>.
    /// </summary>
    void MemoryOf(DetailName name, long used, long limit);

    /// <summary>Bytes sent and received: one line for people, two values for machines.</summary>
    void Traffic(DetailName name, DetailName sentName, DetailName receivedName, long sent, long received);

    /// <summary>A span of time as people say it: <c>8 minutes 20 seconds</c>.</summary>
    void Duration(DetailName name, TimeSpan value);

    /// <summary>A span of time next to a limit that the policy gives in seconds: <c>270 seconds</c>.</summary>
    void Seconds(DetailName name, TimeSpan value);

    /// <summary>A percentage, 0 to 100 of whatever it measures, one decimal for people.</summary>
    void Percent(DetailName name, double value);

    /// <summary>A host and its port: one text for people, two attributes in JSON. Port 0 is unknown and left out.</summary>
    void Endpoint(DetailName name, string host, int port);

    /// <summary>A number of files and, where known, their size: <c>2 files (6.0 KB)</c>.</summary>
    void Files(DetailName name, long count, DetailName sizeName, long? bytes);

    /// <summary>Texts of one kind on one line. None are left out.</summary>
    void List(DetailName name, ImmutableArray<string> values);

    /// <summary>Texts of one kind, in a tree a line each. None are left out.</summary>
    void Items(DetailName name, ImmutableArray<string> values);

    /// <summary>Files with their sizes, in a tree a line each. None are left out.</summary>
    void Items(DetailName name, ImmutableArray<SizedFile> values);

    /// <summary>Values with names of their own, in a tree a line each. None are left out.</summary>
    void Items(DetailName name, ImmutableArray<LabeledValue> values);

    /// <summary>A line without a label in a tree (<c>Container abc123 removed</c>); two named values elsewhere.</summary>
    void Sentence(DetailName subjectName, string noun, string subject, DetailName statusName, string status);
}
