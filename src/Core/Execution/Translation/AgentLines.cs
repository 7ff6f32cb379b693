using IsolatedAgents.Events;
using IsolatedAgents.Text;

namespace IsolatedAgents.Execution.Translation;

/// <summary>Makes one event of each line that the agent writes to one of its streams.</summary>
internal sealed class AgentLines
{
    private readonly RunEvents _events;
    private readonly LineDecoder _decoder;
    private readonly Queue<AgentOutput> _lines = new();

    public AgentLines(OutputStream stream, RunEvents events)
    {
        _events = events;
        _decoder = new LineDecoder(events.Masker, (line, isCut) => _lines.Enqueue(new AgentOutput(stream, line, isCut)));
    }

    /// <summary>Takes bytes as they come.</summary>
    public ValueTask TakeAsync(ReadOnlySpan<byte> bytes)
    {
        _decoder.Write(bytes);
        return RaiseAsync();
    }

    /// <summary>Gives the last line where it has no end.</summary>
    public ValueTask EndAsync()
    {
        _decoder.Flush();
        return RaiseAsync();
    }

    private async ValueTask RaiseAsync()
    {
        while (_lines.TryDequeue(out AgentOutput? line))
        {
            await _events.RaiseAsync(line).ConfigureAwait(false);
        }
    }
}
