using IsolatedAgents.Core.Tests.Events;
using IsolatedAgents.Events;
using IsolatedAgents.Telemetry;

namespace IsolatedAgents.Core.Tests.Telemetry;

[TestClass]
public sealed class SimpleFormatTests
{
    [TestMethod]
    public void Write_EventOfTheSpecification_IsExactlyItsLine()
    {
        Assert.AreEqual(
            "2026-11-22T15:30:47.123Z INFO  container.provisioning Provisioning container... image=python:3.11-slim container_id=abc123def456 status=running\n",
            Render(new ContainerProvisioning("python:3.11-slim", null, "abc123def456", null, "Running"))
        );
    }

    [TestMethod]
    public void Write_HostileValue_IsQuotedOnOneLine()
    {
        string line = Render(new FileRead("/a b=\"\\\n\u202E\e[1m##[error]x ##vso[task.complete]"));

        Assert.EndsWith("file=\"/a b=\\\"\\\\\\n\\u202e\\u001b[1m#\\u0023[error]x #\\u0023vso[task.complete]\"\n", line);
    }

    [TestMethod]
    public void Write_AgentOutput_QuotesTheLine()
    {
        Assert.AreEqual(
            "2026-11-22T15:30:47.123Z INFO  agent.output stream=stdout line=\"x: \\u0065rror CS0001: no\"\n",
            Render(new AgentOutput(OutputStream.Standard, "x: error CS0001: no", false))
        );
    }

    [TestMethod]
    public void Write_EveryEvent_IsOneAsciiLine()
    {
        foreach (TelemetryEvent telemetryEvent in SampleEvents.All)
        {
            string line = Render(telemetryEvent);

            Assert.AreEqual(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
            Assert.IsTrue(System.Text.Ascii.IsValid(line), line);
            Assert.Contains(telemetryEvent.Descriptor.Name, line);
        }
    }

    private static string Render(TelemetryEvent telemetryEvent)
    {
        var output = new StringWriter();
        new SimpleFormat(output).Write(SampleEvents.Stamped(telemetryEvent));
        return output.ToString();
    }
}
