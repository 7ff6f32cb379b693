using System.Collections.Immutable;
using IsolatedAgents.Events;

namespace IsolatedAgents.Telemetry;

/// <summary>Collects details as named values in base units, for logging providers that are not ours.</summary>
internal sealed class AttributeValues : IDetailVisitor
{
    public List<KeyValuePair<string, object?>> Items { get; } = [];

    public void Add(string name, object? value)
    {
        if (value is not null)
        {
            Items.Add(new(name, value));
        }
    }

    public void Text(DetailName name, string? value) => Add(name.Attribute, value);

    public void Word(DetailName name, string? value) => Add(name.Attribute, value);

    public void Flag(DetailName name, bool value) => Add(name.Attribute, value ? true : null);

    public void Number(DetailName name, long? value) => Add(name.Attribute, value);

    public void Quantity(DetailName name, double value, string unit) => Add(name.Attribute, value);

    public void Bytes(DetailName name, long? value) => Add(name.Attribute, value);

    public void BytesLike(DetailName name, long value, long limit) => Add(name.Attribute, value);

    public void BytesOf(DetailName name, long used, long limit)
    {
        Add(name.Attribute, used);
        Add(name.Attribute + ".limit", limit > 0 ? limit : null);
    }

    public void Memory(DetailName name, long value) => Add(name.Attribute, value);

    public void MemoryOf(DetailName name, long used, long limit) => BytesOf(name, used, limit);

    public void Traffic(DetailName name, DetailName sentName, DetailName receivedName, long sent, long received)
    {
        Add(sentName.Attribute, sent);
        Add(receivedName.Attribute, received);
    }

    public void Duration(DetailName name, TimeSpan value) => Add(name.Attribute, value.TotalSeconds);

    public void Seconds(DetailName name, TimeSpan value) => Add(name.Attribute, value.TotalSeconds);

    public void Percent(DetailName name, double value) => Add(name.Attribute, value);

    public void Endpoint(DetailName name, string host, int port)
    {
        Add(name.Attribute, host);
        Add(DetailNames.DestinationPort.Attribute, port > 0 ? port : null);
    }

    public void Files(DetailName name, long count, DetailName sizeName, long? bytes)
    {
        Add(name.Attribute, count);
        Add(sizeName.Attribute, bytes);
    }

    public void List(DetailName name, ImmutableArray<string> values) =>
        Add(name.Attribute, values.IsDefaultOrEmpty ? null : values.ToArray());

    void IDetailVisitor.Items(DetailName name, ImmutableArray<string> values) => List(name, values);

    void IDetailVisitor.Items(DetailName name, ImmutableArray<SizedFile> values) =>
        Add(name.Attribute, values.IsDefaultOrEmpty ? null : values.Select(file => file.Name).ToArray());

    void IDetailVisitor.Items(DetailName name, ImmutableArray<LabeledValue> values) =>
        Add(name.Attribute, values.IsDefaultOrEmpty ? null : values.Select(value => $"{value.Label}={value.Value}").ToArray());

    public void Sentence(DetailName subjectName, string noun, string subject, DetailName statusName, string status)
    {
        Add(subjectName.Attribute, subject);
        Add(statusName.Attribute, status);
    }
}
