using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using IsolatedAgents.Events;
using IsolatedAgents.Telemetry;

namespace IsolatedAgents.Core.Tests.Events;

/// <summary>
/// The JSON Schema of the JSON format, made from one sample of each event: what the visitor is told is what the schema says.
/// </summary>
internal sealed class EventSchema : IDetailVisitor
{
    private readonly JsonObject _properties = Header();

    public static string Generate()
    {
        var kinds = new JsonArray();
        var definitions = new JsonObject();
        foreach (TelemetryEvent sample in SampleEvents.All)
        {
            EventDescriptor row = sample.Descriptor;
            var schema = new EventSchema();
            schema._properties["event.name"] = new JsonObject { ["type"] = "string", ["enum"] = new JsonArray(row.Name) };
            schema._properties["event.id"] = new JsonObject { ["type"] = "integer", ["enum"] = new JsonArray(row.Id) };
            sample.Describe(schema);
            definitions[row.Name] = Definition(row.Title, schema._properties, closed: true);
            kinds.Add(new JsonObject { ["$ref"] = "#/definitions/" + row.Name });
        }

        JsonObject custom = Header();
        custom["event.name"] = new JsonObject { ["type"] = "string", ["pattern"] = "^custom\\." };
        definitions["custom"] = Definition("An event of someone else's, written through TelemetryLogger", custom, closed: false);
        kinds.Add(new JsonObject { ["$ref"] = "#/definitions/custom" });

        var root = new JsonObject
        {
            ["$schema"] = "http://json-schema.org/draft-07/schema#",
            ["$id"] = JsonFormat.SchemaUrl,
            ["title"] = "One line of the JSON telemetry of IsolatedAgents. Sizes are in bytes, times in seconds, shares in percent.",
            ["oneOf"] = kinds,
            ["definitions"] = definitions,
        };
        return root.ToJsonString(new JsonSerializerOptions { WriteIndented = true, NewLine = "\n" }) + "\n";
    }

    public void Text(DetailName name, string? value)
    {
        if (name != DetailNames.Line)
        {
            Add(name, "string");
        }
    }

    public void Word(DetailName name, string? value) => Add(name, "string");

    public void Flag(DetailName name, bool value) => Add(name, "boolean");

    public void Number(DetailName name, long? value) => Add(name, "integer");

    public void Quantity(DetailName name, double value, string unit) => Add(name, "number");

    public void Bytes(DetailName name, long? value) => Add(name, "integer");

    public void BytesLike(DetailName name, long value, long limit) => Add(name, "integer");

    public void BytesOf(DetailName name, long used, long limit)
    {
        Add(name, "integer");
        Add(new DetailName(name.Label, name.Key, name.Attribute + ".limit"), "integer");
    }

    public void Memory(DetailName name, long value) => Add(name, "integer");

    public void MemoryOf(DetailName name, long used, long limit) => BytesOf(name, used, limit);

    public void Traffic(DetailName name, DetailName sentName, DetailName receivedName, long sent, long received)
    {
        Add(sentName, "integer");
        Add(receivedName, "integer");
    }

    public void Duration(DetailName name, TimeSpan value) => Add(name, "number");

    public void Seconds(DetailName name, TimeSpan value) => Add(name, "number");

    public void Percent(DetailName name, double value) => Add(name, "number");

    public void Endpoint(DetailName name, string host, int port)
    {
        Add(name, "string");
        Add(DetailNames.DestinationPort, "integer");
    }

    public void Files(DetailName name, long count, DetailName sizeName, long? bytes)
    {
        Add(name, "integer");
        Add(sizeName, "integer");
    }

    public void List(DetailName name, ImmutableArray<string> values) => AddArray(name);

    public void Items(DetailName name, ImmutableArray<string> values) => AddArray(name);

    public void Items(DetailName name, ImmutableArray<SizedFile> values) => AddArray(name);

    public void Items(DetailName name, ImmutableArray<LabeledValue> values) => AddArray(name);

    public void Sentence(DetailName subjectName, string noun, string subject, DetailName statusName, string status)
    {
        Add(subjectName, "string");
        Add(statusName, "string");
    }

    private static JsonObject Header() =>
        new()
        {
            ["timestamp"] = new JsonObject { ["type"] = "string", ["format"] = "date-time" },
            ["severity_text"] = new JsonObject { ["type"] = "string", ["enum"] = new JsonArray("DEBUG", "INFO", "WARN", "ERROR") },
            ["severity_number"] = new JsonObject { ["type"] = "integer", ["enum"] = new JsonArray(5, 9, 13, 17) },
            ["event.name"] = new JsonObject { ["type"] = "string" },
            ["event.id"] = new JsonObject { ["type"] = "integer" },
            ["seq"] = new JsonObject { ["type"] = "integer", ["minimum"] = 1 },
            ["session.id"] = new JsonObject { ["type"] = "string" },
            ["body"] = new JsonObject { ["type"] = "string" },
            ["schema_url"] = new JsonObject { ["type"] = "string", ["description"] = "In the first line of an output." },
        };

    private static JsonObject Definition(string title, JsonObject properties, bool closed) =>
        new()
        {
            ["title"] = title,
            ["type"] = "object",
            ["required"] = new JsonArray(
                "timestamp",
                "severity_text",
                "severity_number",
                "event.name",
                "event.id",
                "seq",
                "session.id",
                "body"
            ),
            ["properties"] = properties,
            ["additionalProperties"] = !closed,
        };

    private void Add(DetailName name, string type) => _properties[name.Attribute] = new JsonObject { ["type"] = type };

    private void AddArray(DetailName name) =>
        _properties[name.Attribute] = new JsonObject
        {
            ["type"] = "array",
            ["items"] = new JsonObject { ["type"] = "string" },
        };
}
