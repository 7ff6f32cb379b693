using IsolatedAgents.Events;
using IsolatedAgents.Events.Streaming;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Execution;

/// <summary>Raises the events of a run: each one reaches the verdict and the sinks, or neither.</summary>
internal sealed class RunEvents(EventStream stream, OutcomeTracker outcome, ExpectedViolations expected, SecretMasker masker)
{
    // Connections raise events beside the sandbox's own.
    private readonly Lock _observing = new();

    public ExpectedViolations Expected => expected;

    public SecretMasker Masker => masker;

    public ValueTask RaiseAsync(TelemetryEvent raised)
    {
        lock (_observing)
        {
            outcome.Observe(raised);
        }

        return stream.RaiseAsync(raised, CancellationToken.None);
    }
}
