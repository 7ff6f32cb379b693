using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;

namespace IsolatedAgents.Supervisor.Outputs;

/// <summary>Sends the output folder to the host.</summary>
internal sealed class OutputSender(HostChannel channel, LaunchSpec spec)
{
    private readonly EntrySender _sender = new(channel);

    /// <param name="isExceeded">Whether the bound was seen passed while the agent ran, whatever it left in the end.</param>
    public void Send(bool isExceeded)
    {
        OutputsFound found = Measure();
        found = found with { Exceeded = found.Exceeded || isExceeded };
        channel.Send(FrameType.OutputsFound, found.ToPayload());
        if (!found.Exceeded)
        {
            channel.Hold();
            OutputFolder.Walk(spec.OutputPath, spec.MaxOutputFiles, entry => (entry.Kind == OutputEntryKind.File && !spec.CollectOutputs) || _sender.Send(entry));
            channel.Release();
        }
    }

    private OutputsFound Measure()
    {
        int files = 0;
        long bytes = 0;
        bool complete = OutputFolder.Measure(spec.OutputPath, spec.MaxOutputFiles, entry =>
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
}
