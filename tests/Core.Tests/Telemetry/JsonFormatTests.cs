using System.Text;
using System.Text.Json;
using IsolatedAgents.Core.Tests.Events;
using IsolatedAgents.Events;
using IsolatedAgents.Telemetry;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Core.Tests.Telemetry;

[TestClass]
public sealed class JsonFormatTests
{
    [TestMethod]
    public void Write_EventOfTheSpecification_HasItsFieldsInOrder()
    {
        string line = RenderSecond(new ContainerProvisioning("python:3.11-slim", null, "abc123def456", null, "Running"));

        Assert.AreEqual(
            """{"timestamp":"2026-11-22T15:30:47.123456Z","severity_text":"INFO","severity_number":9,"event.name":"container.provisioning","event.id":102,"seq":3,"session.id":"s-1","body":"Provisioning container...","container.image.name":"python:3.11-slim","container.id":"abc123def456","isolated_agents.status":"running"}"""
                + "\n",
            line
        );
    }

    [TestMethod]
    public void Write_FirstLine_NamesTheSchema()
    {
        using var output = new MemoryStream();
        var format = new JsonFormat(output);
        format.Write(SampleEvents.Stamped(SampleEvents.All[0]));
        format.Write(SampleEvents.Stamped(SampleEvents.All[1]));

        string[] lines = Encoding.UTF8.GetString(output.ToArray()).Split('\n');
        Assert.Contains(JsonFormat.SchemaUrl, lines[0]);
        Assert.DoesNotContain("schema_url", lines[1]);
    }

    [TestMethod]
    [DataRow("plain")]
    [DataRow("quote\" back\\slash \n\r\t\0\u0085\e[31m")]
    [DataRow("\u202Ertl\u2066 \u2028 \uFEFF")]
    [DataRow("##[error]x ##vso[task.complete result=Succeeded;]done")]
    [DataRow("::error::x")]
    [DataRow("Foo.cs(1,1): error CS0001: fake")]
    [DataRow("émoji 😀 中")]
    public void Write_AgentText_IsLosslessAndInert(string text)
    {
        string line = RenderSecond(new AgentOutput(OutputStream.Standard, text, false));

        using JsonDocument document = JsonDocument.Parse(line);
        Assert.AreEqual(text, document.RootElement.GetProperty("body").GetString());
        Assert.DoesNotContain("##[", line);
        Assert.DoesNotContain("##vso[", line);
        Assert.DoesNotContain("error CS", line);
        foreach (char character in line[..^1])
        {
            Assert.IsFalse(char.IsControl(character) || character is '\u202E' or '\u2066' or '\u2028');
        }
    }

    [TestMethod]
    public void Write_LoneSurrogate_IsAnEscape()
    {
        Assert.Contains("a\\ud800b", RenderSecond(new AgentOutput(OutputStream.Standard, "a\uD800b", false)));
    }

    [TestMethod]
    public void Write_EveryEvent_IsFlat()
    {
        foreach (TelemetryEvent telemetryEvent in SampleEvents.All)
        {
            using JsonDocument document = JsonDocument.Parse(RenderSecond(telemetryEvent));
            var names = new HashSet<string>();
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                Assert.AreNotEqual(JsonValueKind.Object, property.Value.ValueKind);
                Assert.IsTrue(names.Add(property.Name), $"{telemetryEvent.Descriptor.Name}: {property.Name} twice");
            }
        }
    }

    [TestMethod]
    public void Log_TenThousandEvents_AllocatesNothing()
    {
        using ILoggerFactory factory = LoggerFactory.Create(builder =>
            builder.AddProvider(
                new TelemetryLoggerProvider(
                    new TelemetryOutput { Stream = Stream.Null, Format = IsolatedAgents.Policies.TelemetryFormat.Json }
                )
            )
        );
        var sink = new LoggerSink(factory.CreateLogger(LoggerSink.Category));
        TelemetryEvent[] events =
        [
            SampleEvents.Stamped(new AgentOutput(OutputStream.Standard, "a line with \e[31mcolour\e[0m and émoji 😀", false)),
            SampleEvents.Stamped(new FileRead("/workspace/data.csv")),
            SampleEvents.Stamped(new NetworkRequest("api.openai.com", 443, "POST", "Allowed")),
            SampleEvents.Stamped(new ResourceUsage(15.2, 156, 1024, 1, 2)),
            SampleEvents.Stamped(new DependenciesInstalling(["a", "b"], "Installing...")),
        ];
        WriteAll(sink, events, 1000);

        long before = GC.GetAllocatedBytesForCurrentThread();
        WriteAll(sink, events, 2000);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.AreEqual(0, allocated);
    }

    private static void WriteAll(LoggerSink sink, TelemetryEvent[] events, int times)
    {
        for (int i = 0; i < times; i++)
        {
            foreach (TelemetryEvent telemetryEvent in events)
            {
                sink.Write(telemetryEvent);
            }
        }
    }

    private static string RenderSecond(TelemetryEvent telemetryEvent)
    {
        using var output = new MemoryStream();
        var format = new JsonFormat(output);
        format.Write(SampleEvents.Stamped(SampleEvents.All[0]));
        output.SetLength(0);
        format.Write(SampleEvents.Stamped(telemetryEvent));
        return Encoding.UTF8.GetString(output.ToArray());
    }
}
