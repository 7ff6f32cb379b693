using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox.Connections;
using IsolatedAgents.Sockets;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Sandbox;

/// <summary>A frame from the supervisor.</summary>
/// <param name="Type">What it carries.</param>
/// <param name="Payload">Its bytes.</param>
/// <param name="Descriptor">
/// What came with it, as anything that a descriptor can be; null where nothing did. The link closes it when the next frame is asked for.
/// </param>
internal readonly record struct SandboxFrame(FrameType Type, byte[] Payload, SafeFileHandle? Descriptor = null);

/// <summary>
/// The protocol over a transport. One task does nothing but drain the transport, however slow the reader of the frames is; the credit that
/// is only given back for frames that were read bounds what piles up between the two.
/// </summary>
internal sealed class SandboxLink : IAsyncDisposable
{
    private const int ReadBufferLength = 128 * 1024;
    private const int CreditBatch = Frame.InitialCredit / 4;

    private static readonly TimeSpan AliveInterval = TimeSpan.FromSeconds(10);

    private readonly ISandboxTransport _transport;
    private readonly ReadinessLoop? _loop;
    private readonly Channel<SandboxFrame> _frames = Channel.CreateUnbounded<SandboxFrame>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true }
    );

    // Never disposed: whoever waits for it when the stream is closed would wait for ever.
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly CancellationTokenSource _closing = new();
    private readonly Channel<AgentConnection> _connections;
    private readonly FramedConnections? _framed;
    private readonly SocketHolders _holders;
    private readonly Task _draining;
    private readonly Task _receiving;
    private Task _keepingAlive = Task.CompletedTask;
    private int _openDescriptors;
    private int _isClosed;

    /// <param name="transport">Carries it.</param>
    /// <param name="hasConnections">Whether the agent may open connections.</param>
    /// <param name="loop">Waits for connections that come as sockets; null where none do.</param>
    public SandboxLink(ISandboxTransport transport, bool hasConnections, ReadinessLoop? loop = null)
    {
        _loop = loop;
        _transport = transport;
        // Sockets are served by the thread that takes them; frames of others would wait.
        _connections = Channel.CreateUnbounded<AgentConnection>(
            new UnboundedChannelOptions { SingleReader = true, AllowSynchronousContinuations = transport.Connections is not null }
        );
        _holders = new SocketHolders(SendAsync);
        _framed = hasConnections && transport.Connections is null ? new FramedConnections(_connections.Writer, SendAsync, _holders) : null;
        _draining = Task.Run(DrainAsync);
        _receiving = transport.Connections is { } socket ? ReceiveConnectionsAsync(socket) : Task.CompletedTask;
    }

    /// <summary>The connections that the agent opens, until the stream ends. The reader closes each of them.</summary>
    public ChannelReader<AgentConnection> Connections => _connections.Reader;

    /// <summary>Tells the supervisor what to run.</summary>
    public Task LaunchAsync(LaunchSpec spec, CancellationToken cancellationToken)
    {
        if (spec.LeaseMilliseconds > 0)
        {
            _keepingAlive = KeepAliveAsync(TimeSpan.FromMilliseconds(spec.LeaseMilliseconds / 5.0));
        }

        return SendAsync(FrameType.Launch, spec.ToPayload(), cancellationToken);
    }

    /// <summary>Tells the supervisor to end the agent.</summary>
    public Task StopAsync(TimeSpan grace, CancellationToken cancellationToken) =>
        SendAsync(FrameType.Stop, new StopRequest((long)grace.TotalMilliseconds).ToPayload(), cancellationToken);

    /// <summary>Asks the supervisor for files of the changed workspace.</summary>
    public Task RequestAsync(WorkspaceRequest request, CancellationToken cancellationToken) =>
        SendAsync(FrameType.WorkspaceRequest, request.ToPayload(), cancellationToken);

    /// <summary>Every frame up to and without <see cref="FrameType.Done"/>.</summary>
    /// <exception cref="EngineException">IA2003: the stream ended before that, or carried something else.</exception>
    public async IAsyncEnumerable<SandboxFrame> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int owed = 0;
        while (true)
        {
            SandboxFrame frame = await NextAsync(cancellationToken).ConfigureAwait(false);
            if (frame.Type == FrameType.Done)
            {
                yield break;
            }

            if (frame.Descriptor is not null && _keepingAlive.IsCompleted)
            {
                // The supervisor hears nothing while a large file is taken, and others wait for their turn.
                _keepingAlive = KeepAliveAsync(AliveInterval);
            }

            try
            {
                yield return frame;
            }
            finally
            {
                Close(frame);
            }

            owed += Frame.Cost(frame.Type, frame.Payload.Length);
            if (owed >= CreditBatch)
            {
                await SendAsync(FrameType.Credit, new Credit(owed).ToPayload(), cancellationToken).ConfigureAwait(false);
                owed = 0;
            }
        }
    }

    /// <summary>Closes the stream, which ends the supervisor. May be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 1)
        {
            return;
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        // It takes what lies in its socket already, and waits for nothing more.
        await _receiving.ConfigureAwait(false);
        await _transport.DisposeAsync().ConfigureAwait(false);
        await _draining.ConfigureAwait(false);
        await _keepingAlive.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (_frames.Reader.TryRead(out SandboxFrame unread))
        {
            Close(unread);
        }

        while (_transport.TakeDescriptor() is { } unannounced)
        {
            unannounced.Dispose();
        }

        _closing.Dispose();
    }

    private async ValueTask<SandboxFrame> NextAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _frames.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException closed)
        {
            string cause = closed.InnerException?.Message ?? "the stream to it ended.";
            string said = _transport.Diagnostics;
            throw new EngineException(
                DiagnosticTable.EngineLost,
                $"The sandbox was lost: {cause}{(said.Length > 0 ? $" It said: {said}" : "")}",
                closed.InnerException
            );
        }
    }

    private async Task KeepAliveAsync(TimeSpan interval)
    {
        using PeriodicTimer timer = new(interval);
        while (await timer.WaitForNextTickAsync(_closing.Token).ConfigureAwait(false))
        {
            await SendAsync(FrameType.Alive, [], _closing.Token).ConfigureAwait(false);
        }
    }

    private async Task SendAsync(FrameType type, byte[] payload, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _transport.WriteAsync(Frame.Create(type, payload), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException or SocketException)
        {
            // The reading side meets the same end and knows its cause.
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task DrainAsync()
    {
        FrameDecoder decoder = new();
        byte[] buffer = new byte[ReadBufferLength];
        Exception? failure = null;
        try
        {
            int count;
            while ((count = await _transport.ReadAsync(buffer, _closing.Token).ConfigureAwait(false)) > 0)
            {
                Decode(decoder, buffer.AsSpan(0, count));
            }
        }
        catch (Exception caught)
            when (caught is IOException or ProtocolException or OperationCanceledException or ObjectDisposedException or SocketException)
        {
            failure = caught;
        }

        _frames.Writer.TryComplete(failure);
        _holders.End();
        _framed?.EndAll();
        if (_transport.Connections is null)
        {
            _connections.Writer.TryComplete();
        }
    }

    private async Task ReceiveConnectionsAsync(Socket socket)
    {
        try
        {
            await new DescriptorReceiver(
                _loop ?? throw new ProtocolException("This system cannot wait for the agent's connections."),
                socket,
                _connections.Writer,
                _holders
            )
                .ReceiveAsync(_closing.Token)
                .ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The supervisor is gone, or this side is going; the frames tell which.
        }
        catch (ProtocolException failure)
        {
            _frames.Writer.TryComplete(failure);
        }

        // Whoever waits for the last connection has a whole run to end.
        await ReadinessLoop.LeaveAsync(_loop);
        _connections.Writer.TryComplete();
    }

    private void Decode(FrameDecoder decoder, ReadOnlySpan<byte> received)
    {
        while (decoder.TryRead(ref received, out FrameType type, out byte[] payload))
        {
            if (_holders.TryTake(type, payload) || _framed?.TryTake(type, payload) == true)
            {
                continue;
            }

            SandboxFrame frame = new(
                type,
                payload,
                type is FrameType.OutputDescriptor or FrameType.WorkspaceDescriptor ? TakeDescriptor() : null
            );
            if (!_frames.Writer.TryWrite(frame))
            {
                Close(frame);
                return;
            }
        }
    }

    // The supervisor has credit for so many, but what it says is not to be relied on.
    private SafeFileHandle TakeDescriptor()
    {
        SafeFileHandle descriptor = _transport.TakeDescriptor() ?? throw new ProtocolException("A file was announced and not handed over.");
        if (Interlocked.Increment(ref _openDescriptors) <= Frame.MaxDescriptors)
        {
            return descriptor;
        }

        descriptor.Dispose();
        throw new ProtocolException("More files were handed over than there was credit for.");
    }

    private void Close(SandboxFrame frame)
    {
        if (frame.Descriptor is { } descriptor)
        {
            descriptor.Dispose();
            Interlocked.Decrement(ref _openDescriptors);
        }
    }
}
