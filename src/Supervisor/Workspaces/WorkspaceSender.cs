using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Outputs;

namespace IsolatedAgents.Supervisor.Workspaces;

/// <summary>Sends what the agent has changed in its copy of the workspace, within the bounds of the outputs. Runs when no process is left that could change it.</summary>
internal sealed class WorkspaceSender(HostChannel channel, LaunchSpec spec, WorkspaceCopy copy)
{
    private readonly EntrySender _sender = new(channel);

    private int MaxEntries => WorkspaceBounds.MaxEntries + spec.MaxOutputFiles;

    /// <param name="isExceeded">Whether the bound was seen passed while the agent ran, whatever it left in the end.</param>
    public void Send(bool isExceeded)
    {
        int written = 0;
        int others = 0;
        long bytes = 0;
        bool isWhole = copy.Walk(
            MaxEntries,
            entry =>
            {
                bool isFile = entry.Kind == OutputEntryKind.File;
                written += isFile ? 1 : 0;
                others += isFile ? 0 : 1;
                bytes = OutputFolder.SaturatingAdd(bytes, isFile ? entry.Size : 0);
                return bytes <= spec.MaxOutputBytes && written + others <= spec.MaxOutputFiles;
            },
            out IReadOnlyCollection<byte[]> deleted);
        bool isWithin = isWhole && !isExceeded && written + others + deleted.Count <= spec.MaxOutputFiles;
        channel.Send(FrameType.WorkspaceFound, new WorkspaceFound(written, isWhole ? deleted.Count : 0, bytes, Exceeded: !isWithin).ToPayload());
        if (!isWithin)
        {
            return;
        }

        channel.Hold();
        if (deleted.All(SendDeletion))
        {
            copy.Walk(MaxEntries, _sender.Send, out _);
        }

        channel.Release();
    }

    // False where the host has gone away.
    private bool SendDeletion(byte[] path)
    {
        channel.Send(FrameType.WorkspaceDeleted, new WorkspaceDeletion(path).ToPayload());
        return _sender.WaitForRoom();
    }
}
