using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor;

/// <summary>
/// Carries one of the agent's output streams to the host, byte for byte, until the shared budget is used up; what comes after is read and
/// counted, so that an agent that floods is neither blocked nor able to fill anything.
/// </summary>
internal sealed class AgentOutput(int fd, FrameType type, AgentOutput.Budget budget)
{
    private readonly byte[] _buffer = new byte[Frame.MaxDataLength];

    /// <summary>Bytes that both streams together may still send.</summary>
    internal sealed class Budget(long bytes)
    {
        public long Left { get; set; } = bytes;
    }

    /// <summary>Whether every writer has closed the stream.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>All bytes that came, sent or not.</summary>
    public long TotalBytes { get; private set; }

    /// <summary>The entry to poll; inert while the host has no room, which in time blocks the agent.</summary>
    public PollDescriptor Poll(HostChannel channel) =>
        new() { Fd = IsEnded || (budget.Left > 0 && !channel.HasRoom) ? -1 : fd, Events = PollIn };

    /// <summary>Carries what is there, once.</summary>
    public void Carry(HostChannel channel)
    {
        int wanted = budget.Left > 0 ? (int)Math.Min(Math.Min(_buffer.Length, channel.CreditLeft), budget.Left) : _buffer.Length;
        int count = Descriptor.Read(fd, _buffer.AsSpan(0, wanted));
        if (count == -TryAgain)
        {
            return;
        }

        if (count <= 0)
        {
            IsEnded = true;
            LibC.close(fd);
            return;
        }

        TotalBytes += count;
        if (budget.Left > 0)
        {
            budget.Left -= count;
            channel.Send(type, _buffer.AsSpan(0, count));
        }
    }
}
