namespace IsolatedAgents.Events.Streaming;

/// <summary>Something that events are written to. Called by one thread at a time, in order of sequence.</summary>
internal interface ITelemetrySink
{
    /// <summary>Takes an event. What it throws disables the sink and nothing else.</summary>
    void Write(TelemetryEvent telemetryEvent);

    /// <summary>Passes on what was taken so far. Called when no event waits, and at the end.</summary>
    ValueTask FlushAsync();
}
