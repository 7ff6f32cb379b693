namespace IsolatedAgents.Hosts;

/// <summary>Writes whole lines to the log, between those of the telemetry. Each one is in the log before the next thing happens.</summary>
internal sealed class CommandWriter(TextWriter log)
{
    /// <summary>Writes one line.</summary>
    public void Line(string text)
    {
        log.Write(text + "\n");
        log.Flush();
    }
}
