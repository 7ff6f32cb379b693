using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Outputs;

/// <summary>Sends the output folder to the host. Runs when no process is left that could change it.</summary>
internal sealed class OutputSender(HostChannel channel, LaunchSpec spec)
{
    private const int HostTimeoutMilliseconds = 60_000;

    private readonly byte[] _buffer = new byte[Frame.MaxDataLength];

    /// <param name="isExceeded">Whether the bound was seen passed while the agent ran, whatever it left in the end.</param>
    public void Send(bool isExceeded)
    {
        OutputsFound found = Measure();
        found = found with { Exceeded = found.Exceeded || isExceeded };
        channel.Send(FrameType.OutputsFound, found.ToPayload());
        if (!found.Exceeded)
        {
            OutputFolder.Walk(spec.OutputPath, spec.MaxOutputFiles, SendEntry);
        }
    }

    private OutputsFound Measure()
    {
        int files = 0;
        long bytes = 0;
        bool complete = OutputFolder.Walk(spec.OutputPath, spec.MaxOutputFiles, entry =>
        {
            if (entry.Kind == OutputEntryKind.File)
            {
                files++;
                bytes = OutputFolder.SaturatingAdd(bytes, entry.Size);
            }

            return bytes <= spec.MaxOutputBytes;
        });
        return new OutputsFound(files, bytes, Exceeded: !complete);
    }

    private bool SendEntry(OutputEntry entry)
    {
        if (entry.Kind != OutputEntryKind.File)
        {
            channel.Send(FrameType.OutputRejected, new OutputRejection(entry.Path, Reason(entry.Kind)).ToPayload());
            return WaitForRoom();
        }

        if (!spec.CollectOutputs)
        {
            return true;
        }

        channel.Send(FrameType.OutputFile, new OutputFile(entry.Path, entry.Size, entry.Executable).ToPayload());
        for (long left = entry.Size; left > 0;)
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

            channel.Send(FrameType.OutputData, _buffer.AsSpan(0, count));
            left -= count;
        }

        return true;
    }

    private bool WaitForRoom()
    {
        if (!channel.HasRoom)
        {
            // A stop request has nothing left to stop.
            channel.Wait(() => channel.HasRoom, static (_, _) => { }, HostTimeoutMilliseconds);
        }

        return channel.HasRoom && !channel.IsClosed;
    }

    private static RejectionReason Reason(OutputEntryKind kind) => kind switch
    {
        OutputEntryKind.SymbolicLink => RejectionReason.SymbolicLink,
        OutputEntryKind.SpecialFile => RejectionReason.SpecialFile,
        OutputEntryKind.TooDeep => RejectionReason.TooDeep,
        _ => RejectionReason.Unreadable,
    };
}
