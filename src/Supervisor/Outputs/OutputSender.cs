using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;

namespace IsolatedAgents.Supervisor.Outputs;

/// <summary>Sends the output folder to the host.</summary>
internal sealed class OutputSender(HostChannel channel, LaunchSpec spec, OutputWatch watch)
{
    private readonly EntrySender _sender = new(channel, EntryFrames.Outputs);

    /// <summary>Announces what the folder holds, and sends it unless a bound was passed.</summary>
    public void Send()
    {
        OutputsFound found = watch.Conclude();
        channel.Send(FrameType.OutputsFound, found.ToPayload());
        if (found.Passed == OutputBound.None)
        {
            channel.Hold();
            OutputFolder.Walk(spec.OutputPath, spec.MaxOutputFiles, entry =>
                (entry.Kind == OutputEntryKind.File && !spec.CollectOutputs) || _sender.Send(entry)
            );
            channel.Release();
        }
    }
}
