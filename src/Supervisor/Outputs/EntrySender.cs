using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Outputs;

/// <summary>
/// Sends what was met in a folder to the host: a file, open where the stream carries that and with its bytes otherwise, or why it is not
/// taken. Runs when no process is left that could change it.
/// </summary>
internal sealed class EntrySender(HostChannel channel, EntryFrames frames)
{
    private const int HostTimeoutMilliseconds = 60_000;

    // A shorter file's bytes are sent sooner than the host has taken another descriptor.
    private const long LeastHandedOver = 256 * 1024;

    private readonly byte[] _buffer = new byte[Frame.MaxDataLength];

    /// <summary>Sends one entry. False where the host has gone away.</summary>
    public bool Send(OutputEntry entry) => entry.Kind == OutputEntryKind.File ? SendFile(entry) : SendRejection(entry);

    /// <summary>Tells why an entry, which is no file, is not taken.</summary>
    public bool SendRejection(OutputEntry entry)
    {
        channel.Send(frames.Rejected, new OutputRejection(entry.Path, Reason(entry.Kind)).ToPayload());
        return WaitForRoom();
    }

    /// <summary>Waits until the host follows. False where it has gone away.</summary>
    public bool WaitForRoom()
    {
        if (!channel.HasRoom)
        {
            // A stop request has nothing left to stop.
            channel.Wait(() => channel.HasRoom, static (_, _) => { }, HostTimeoutMilliseconds);
        }

        return channel.HasRoom && !channel.IsClosed;
    }

    private bool SendFile(OutputEntry entry)
    {
        channel.Send(frames.File, new OutputFile(entry.Path, entry.Size, entry.Executable).ToPayload());
        if (entry.Size >= LeastHandedOver && channel.TrySend(frames.Descriptor, entry.Fd, HostTimeoutMilliseconds))
        {
            return true;
        }

        for (long left = entry.Size; left > 0; )
        {
            if (!WaitForRoom())
            {
                return false;
            }

            int wanted = (int)Math.Min(Math.Min(left, _buffer.Length), channel.CreditLeft);
            int count = Descriptor.Read(entry.Fd, _buffer.AsSpan(0, wanted));
            if (count <= 0)
            {
                // Exactly the announced bytes must follow; the host treats a stream that ends early as a lost engine.
                throw new KernelException("read an output file", count == 0 ? NoEntry : -count);
            }

            channel.Send(frames.Data, _buffer.AsSpan(0, count));
            left -= count;
        }

        return true;
    }

    private static RejectionReason Reason(OutputEntryKind kind) =>
        kind switch
        {
            OutputEntryKind.SymbolicLink => RejectionReason.SymbolicLink,
            OutputEntryKind.SpecialFile => RejectionReason.SpecialFile,
            OutputEntryKind.TooDeep => RejectionReason.TooDeep,
            _ => RejectionReason.Unreadable,
        };
}
