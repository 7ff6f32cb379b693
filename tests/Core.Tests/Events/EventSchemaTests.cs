using System.Text;
using IsolatedAgents.Events;
using IsolatedAgents.Telemetry;
using NJsonSchema;
using NJsonSchema.Validation;

namespace IsolatedAgents.Core.Tests.Events;

[TestClass]
public sealed class EventSchemaTests
{
    [TestMethod]
    public void CheckedInSchema_Always_IsTheGeneratedOne()
    {
        string path = Repository.File("src", "Core", "Telemetry", "events.schema.json");
        string generated = EventSchema.Generate();
        if (Environment.GetEnvironmentVariable("IA_UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(path, generated);
        }

        Assert.AreEqual(generated, File.ReadAllText(path), "Set IA_UPDATE_GOLDEN=1 and run again where the change is meant.");
    }

    [TestMethod]
    public async Task EveryEvent_AsJson_FitsTheSchema()
    {
        JsonSchema schema = await JsonSchema.FromJsonAsync(EventSchema.Generate());
        using var output = new MemoryStream();
        var format = new JsonFormat(output);
        foreach (TelemetryEvent sample in SampleEvents.All.Concat(SampleEvents.Seed.Select(moment => moment.Event)))
        {
            format.Write(SampleEvents.Stamped(sample));
        }

        foreach (string line in Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            ICollection<ValidationError> errors = schema.Validate(line);
            Assert.IsEmpty(errors, line + "\n" + string.Join('\n', errors));
        }
    }

    [TestMethod]
    public async Task UnknownDetail_InAnEvent_DoesNotFit()
    {
        JsonSchema schema = await JsonSchema.FromJsonAsync(EventSchema.Generate());

        Assert.IsNotEmpty(
            schema.Validate(
                """{"timestamp":"2026-01-01T00:00:00Z","severity_text":"INFO","severity_number":9,"event.name":"file.read","event.id":500,"seq":1,"session.id":"","body":"","x":1}"""
            )
        );
    }
}
