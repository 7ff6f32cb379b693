using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>One connection of the agent whose bytes go in frames.</summary>
internal sealed class FramedConnection(int fd, int number, FrameCarrier carrier) : EgressSource(fd)
{
    private readonly byte[] _frame = new byte[Frame.HeaderLength + Frame.MaxDataLength];
    private readonly PendingBytes _replies = new();
    private int _window = EgressWindow.Initial;
    private int _taken;
    private uint _awaited = EpollIn;
    private bool _isSentEnded;
    private bool _isReplyEnding;
    private bool _isReplyEnded;

    public int Number => number;

    public override void OnReady(uint events)
    {
        if ((events & (EpollIn | EpollHangUp | EpollError)) != 0 && !_isSentEnded && _window > 0 && !TakeSent())
        {
            return;
        }

        if ((events & EpollOut) != 0 && !FlushReplies())
        {
            return;
        }

        Settle();
    }

    /// <summary>Bytes for the agent.</summary>
    public void Reply(ReadOnlyMemory<byte> bytes)
    {
        _replies.Add(bytes);
        Deliver();
    }

    /// <summary>A byte for the agent that the server sent as urgent.</summary>
    public void ReplyUrgent(ReadOnlyMemory<byte> one)
    {
        _replies.AddUrgent(one);
        Deliver();
    }

    /// <summary>Nothing more comes for the agent.</summary>
    public void EndReply(bool isReset)
    {
        if (isReset)
        {
            carrier.Reset(this);
            return;
        }

        _isReplyEnding = true;
        Settle();
    }

    /// <summary>The host has taken bytes.</summary>
    public void Grow(int bytes)
    {
        _window = Math.Min(_window + bytes, EgressWindow.Initial);
        Settle();
    }

    private void Deliver()
    {
        if (FlushReplies())
        {
            Settle();
        }
    }

    // False where the connection is no more.
    private bool TakeSent()
    {
        bool isUrgent = EgressSocket.IsAtUrgent(Fd);
        int room = isUrgent ? 1 : Math.Min(_window, EgressData.MaxLength);
        int count = Descriptor.Read(Fd, _frame.AsSpan(Frame.HeaderLength + EgressData.HeaderLength, room));
        if (count == -TryAgain)
        {
            return true;
        }

        if (count < 0)
        {
            Break();
            return false;
        }

        if (count == 0)
        {
            _isSentEnded = true;
            carrier.Send(Frame.Create(FrameType.EgressSentEnd, new EgressEnd(number, IsReset: false).ToPayload()));
            return true;
        }

        _window -= count;
        int length = EgressData.HeaderLength + count;
        Frame.WriteHeader(_frame, isUrgent ? FrameType.EgressSentUrgent : FrameType.EgressSent, length);
        EgressData.WriteHeader(_frame.AsSpan(Frame.HeaderLength), number);
        carrier.Send(_frame.AsSpan(0, Frame.HeaderLength + length));
        return true;
    }

    private bool FlushReplies()
    {
        int count = _replies.WriteTo(Fd);
        if (count < 0)
        {
            Break();
            return false;
        }

        _taken += count;
        return true;
    }

    private void Break()
    {
        carrier.Send(Frame.Create(FrameType.EgressSentEnd, new EgressEnd(number, IsReset: true).ToPayload()));
        carrier.Reset(this);
    }

    private void Settle()
    {
        // Few large grants, and none left out once all was taken.
        if (_taken > 0 && (_replies.IsEmpty || _taken >= EgressWindow.Initial / 4))
        {
            carrier.Send(Frame.Create(FrameType.EgressReplyWindow, new EgressWindow(number, _taken).ToPayload()));
            _taken = 0;
        }

        if (_isReplyEnding && !_isReplyEnded && _replies.IsEmpty)
        {
            _isReplyEnded = true;
            _ = LibC.shutdown(Fd, ShutdownWrite);
        }

        if (_isSentEnded && _isReplyEnded)
        {
            carrier.Close(this);
            return;
        }

        uint awaited = (!_isSentEnded && _window > 0 ? EpollIn : 0) | (!_replies.IsEmpty ? EpollOut : 0);
        carrier.Change(this, _awaited, awaited);
        _awaited = awaited;
    }
}
