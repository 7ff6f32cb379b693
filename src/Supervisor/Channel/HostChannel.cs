using System.Buffers;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Channel;

/// <summary>
/// The frames to and from the host. Never blocks: what the host does not take yet is kept, and the kept amount is bounded
/// because data frames need credit and callers ask <see cref="HasRoom"/> first.
/// </summary>
internal sealed class HostChannel(HostStream host)
{
    private const int RoomThreshold = 256 * 1024;

    /// <summary>Frames are gathered up to this length; one that is as long by itself gains nothing from it.</summary>
    private const int GatheredLength = 32 * 1024;

    private readonly FrameDecoder _decoder = new();
    private readonly byte[] _input = new byte[16 * 1024];
    private readonly byte[] _header = new byte[Frame.HeaderLength];
    private readonly PendingBytes _pending = new();
    private readonly ArrayBufferWriter<byte> _held = new();
    private long _pendingBytes;
    private bool _isHolding;

    /// <summary>Whether the host has closed the stream: the lease is over.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>When the host was heard last, in milliseconds of the system's monotonic clock.</summary>
    public long LastHeard { get; private set; } = Environment.TickCount64;

    /// <summary>Data bytes that may still be sent.</summary>
    public int CreditLeft { get; private set; } = Frame.InitialCredit;

    /// <summary>Whether everything handed over has left.</summary>
    public bool IsDrained => _pendingBytes == 0;

    /// <summary>Whether more data may be handed over now.</summary>
    public bool HasRoom => CreditLeft > 0 && HasBuffer;

    /// <summary>Whether more of what has bounds of its own, and needs no credit, may be handed over now.</summary>
    public bool HasBuffer => _pendingBytes + _held.WrittenCount < RoomThreshold;

    /// <summary>The entry to poll for the host's frames and its end.</summary>
    public PollDescriptor InputPoll => new() { Fd = host.Input, Events = PollIn };

    /// <summary>The entry to poll for the host taking bytes; inert while nothing waits.</summary>
    public PollDescriptor OutputPoll => new() { Fd = IsDrained ? -1 : host.Output, Events = PollOut };

    /// <summary>Takes the host for gone, although its stream is still there.</summary>
    public void Abandon() => IsClosed = true;

    /// <summary>Takes what has arrived. Credit is booked here; other frames go to <paramref name="handle"/>.</summary>
    public void Receive(Action<FrameType, byte[]> handle)
    {
        int count = Descriptor.Read(host.Input, _input);
        if (count == -TryAgain)
        {
            return;
        }

        if (count <= 0)
        {
            IsClosed = true;
            return;
        }

        LastHeard = Environment.TickCount64;
        ReadOnlySpan<byte> received = _input.AsSpan(0, count);
        while (_decoder.TryRead(ref received, out FrameType type, out byte[] payload))
        {
            if (type == FrameType.Credit)
            {
                CreditLeft = checked(CreditLeft + Credit.FromPayload(payload).Bytes);
            }
            else
            {
                handle(type, payload);
            }
        }
    }

    /// <summary>Sends one frame, or keeps what does not fit.</summary>
    public void Send(FrameType type, ReadOnlySpan<byte> payload)
    {
        CreditLeft -= Frame.Cost(type, payload.Length);
        Frame.WriteHeader(_header, type, payload.Length);
        if (_isHolding && payload.Length < GatheredLength)
        {
            _held.Write(_header);
            _held.Write(payload);
            if (_held.WrittenCount >= GatheredLength)
            {
                SendHeld();
            }

            return;
        }

        SendHeld();
        SendBytes(_header);
        SendBytes(payload);
    }

    /// <summary>
    /// Sends one frame of no payload with a descriptor, which stays the caller's to close, once everything before it has left.
    /// </summary>
    /// <returns>Whether it was sent; where it was not, nothing of it was.</returns>
    public bool TrySend(FrameType type, int fd, int timeoutMilliseconds)
    {
        if (!host.IsSocket)
        {
            return false;
        }

        int cost = Frame.Cost(type, 0);
        Wait(() => IsDrained && CreditLeft >= cost, static (_, _) => { }, timeoutMilliseconds);
        if (!IsDrained || CreditLeft < cost || IsClosed)
        {
            return false;
        }

        Frame.WriteHeader(_header, type, 0);
        int sent;
        while ((sent = Descriptor.Send(host.Output, _header, fd)) == -TryAgain)
        {
            Span<PollDescriptor> output = [new PollDescriptor { Fd = host.Output, Events = PollOut }];
            Descriptor.Poll(output, timeoutMilliseconds);
            if (output[0].Returned == 0)
            {
                return false;
            }
        }

        if (sent < 0)
        {
            return false;
        }

        CreditLeft -= cost;
        SendBytes(_header.AsSpan(sent));
        return true;
    }

    /// <summary>Gathers the frames that follow, to send them at once: many small ones cost a system call each otherwise.</summary>
    public void Hold() => _isHolding = true;

    /// <summary>Sends what was gathered.</summary>
    public void Release()
    {
        _isHolding = false;
        SendHeld();
    }

    /// <summary>Sends what was kept, as far as the host takes it.</summary>
    public void Flush()
    {
        int count = _pending.WriteTo(host.Output);
        if (Advance(count))
        {
            _pendingBytes -= count;
        }
    }

    /// <summary>Waits until data may be handed over, or everything has left, or the host is gone or silent for so long.</summary>
    public void Wait(Func<bool> until, Action<FrameType, byte[]> handle, int timeoutMilliseconds)
    {
        Span<PollDescriptor> descriptors = stackalloc PollDescriptor[2];
        long began = Environment.TickCount64;
        SendHeld();
        while (!until() && !IsClosed && Math.Max(began, LastHeard) + timeoutMilliseconds - Environment.TickCount64 is var left and > 0)
        {
            descriptors[0] = InputPoll;
            descriptors[1] = OutputPoll;
            Descriptor.Poll(descriptors, (int)left);
            if (descriptors[0].Returned != 0)
            {
                Receive(handle);
            }

            if (descriptors[1].Returned != 0)
            {
                Flush();
            }
        }
    }

    private void SendHeld()
    {
        SendBytes(_held.WrittenSpan);
        _held.ResetWrittenCount();
    }

    private void SendBytes(ReadOnlySpan<byte> bytes)
    {
        if (IsDrained && !bytes.IsEmpty)
        {
            int count = Descriptor.Write(host.Output, bytes);
            if (Advance(count))
            {
                bytes = bytes[count..];
            }
        }

        if (!bytes.IsEmpty)
        {
            _pending.Add(bytes.ToArray());
            _pendingBytes += bytes.Length;
        }
    }

    // A host that no longer reads is gone, as one that has closed the stream is.
    private bool Advance(int count)
    {
        if (count < 0 && count != -TryAgain)
        {
            IsClosed = true;
        }

        return count >= 0;
    }
}
