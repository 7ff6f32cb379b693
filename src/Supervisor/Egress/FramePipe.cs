using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// The main thread's end of the pipe to <see cref="FrameCarrier"/>: passes frames between it and the host, and never waits for either.
/// </summary>
internal sealed class FramePipe
{
    private readonly int _fd;
    private readonly FrameDecoder _decoder = new();
    private readonly byte[] _input = new byte[64 * 1024];
    private readonly PendingBytes _pending = new();
    private readonly HashSet<int> _open = [];

    private FramePipe(int fd)
    {
        _fd = fd;
    }

    /// <summary>Makes the pipe, and gives the carrier's end of it.</summary>
    public static unsafe FramePipe Create(out int carrierEnd)
    {
        int* ends = stackalloc int[2];
        KernelException.ThrowIfFailed("socketpair", LibC.socketpair(AddressFamilyUnix, SocketStream | OpenCloseOnExec, 0, ends));
        Descriptor.SetNonBlocking(ends[0]);
        carrierEnd = ends[1];
        return new FramePipe(ends[0]);
    }

    /// <summary>Connections whose agent's end was not yet passed on.</summary>
    public int Open => _open.Count;

    /// <summary>The entry to poll, for what can be passed on now.</summary>
    public PollDescriptor Poll(HostChannel channel)
    {
        short events = (short)((channel.HasBuffer ? PollIn : 0) | (_pending.IsEmpty ? 0 : PollOut));
        return new PollDescriptor { Fd = events == 0 ? -1 : _fd, Events = events };
    }

    /// <summary>Passes on what is there.</summary>
    public void Carry(HostChannel channel)
    {
        Flush();
        if (!channel.HasBuffer)
        {
            return;
        }

        int count = Descriptor.Read(_fd, _input);
        if (count == -TryAgain)
        {
            return;
        }

        if (count <= 0)
        {
            throw new IOException("the pipe of the connections ended");
        }

        ReadOnlySpan<byte> received = _input.AsSpan(0, count);
        channel.Hold();
        while (_decoder.TryRead(ref received, out FrameType type, out byte[] payload))
        {
            Note(type, payload);
            channel.Send(type, payload);
        }

        channel.Release();
    }

    /// <summary>
    /// Passes a frame of the host's on, now or as soon as it is taken. What may wait is bounded by the connections' windows.
    /// </summary>
    public void Deliver(FrameType type, byte[] payload)
    {
        if (type == FrameType.EgressReplyEnd && EgressEnd.FromPayload(payload) is { IsReset: true } reset)
        {
            _open.Remove(reset.Connection);
        }

        _pending.Add(Frame.Create(type, payload));
        Flush();
    }

    private void Note(FrameType type, byte[] payload)
    {
        if (type == FrameType.EgressOpened)
        {
            _open.Add(EgressOpened.FromPayload(payload).Connection);
        }
        else if (type == FrameType.EgressSentEnd)
        {
            _open.Remove(EgressEnd.FromPayload(payload).Connection);
        }
    }

    // The carrier lives as long as this process.
    private void Flush() => _pending.WriteTo(_fd);
}
