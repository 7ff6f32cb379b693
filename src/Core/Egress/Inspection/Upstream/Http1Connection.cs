using IsolatedAgents.Egress.Http;
using IsolatedAgents.Egress.Relaying;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>A connection to an inspected server, on which one exchange follows the other.</summary>
internal sealed class Http1Connection(DuplexStream stream) : IDisposable
{
    public DuplexStream Stream => stream;

    public BufferedReader Reader { get; } = new(stream, ResponseHead.MaxBytes);

    /// <summary>Whether the server has ended it, or said what nobody asked for. To be asked between exchanges.</summary>
    public bool IsEnded => Reader.BeginFill().IsCompleted;

    /// <summary>Waits until something comes, without a buffer for it: many wait at once for a server to say its next word.</summary>
    public ValueTask<int> WaitAsync()
    {
        if (!Reader.Available.IsEmpty || Reader.IsFilling || Reader.IsEnded)
        {
            return ValueTask.FromResult(0);
        }

        Reader.Release();
        return stream.ReadAsync(Memory<byte>.Empty);
    }

    /// <summary>Waits for the server to end it, from now until the next exchange.</summary>
    public void WatchEnd() => _ = Reader.BeginFill();

    public void Dispose()
    {
        stream.Dispose();
        if (Reader.IsFilling)
        {
            // Nobody asks any more how that ended.
            _ = Reader
                .BeginFill()
                .ContinueWith(
                    static ended => ended.Exception,
                    CancellationToken.None,
                    TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default
                );
        }

        Reader.Dispose();
    }
}
