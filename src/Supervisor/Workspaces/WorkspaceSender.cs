using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Outputs;

namespace IsolatedAgents.Supervisor.Workspaces;

/// <summary>
/// Lists what the agent has changed in its copy of the workspace, and sends the files that the host asks for. Runs when no process is left
/// that could change it.
/// </summary>
internal sealed class WorkspaceSender(HostChannel channel, LaunchSpec spec, WorkspaceCopy copy)
{
    private const int HostTimeoutMilliseconds = 60_000;

    // With the longest entry still within a frame.
    private const int FullLength = 48 * 1024;

    private readonly EntrySender _sender = new(channel, EntryFrames.Workspace);
    private readonly HashSet<string> _wanted = new(StringComparer.Ordinal);
    private MessageWriter _listed = new();
    private long _listedBytes;
    private int _entries;
    private bool _isAsked;
    private bool _isLast;

    /// <param name="isExceeded">Whether the copy's bound was seen passed while the agent ran, whatever it left in the end.</param>
    public void Send(bool isExceeded)
    {
        long bytes = 0;
        bool isWhole = !isExceeded && copy.List(WorkspaceBounds.MaxEntriesAfter, List, out bytes) && SendListed();
        bool isWithin = isWhole && bytes <= spec.MaxWorkspaceBytes;
        channel.Send(FrameType.WorkspaceFound, new WorkspaceFound(_entries, bytes, Exceeded: !isWithin).ToPayload());
        while (isWithin && !_isLast && WaitForRequest())
        {
            channel.Hold();
            if (_wanted.Count > 0)
            {
                copy.Meet(_wanted, _sender.Send);
            }

            channel.Release();
            _wanted.Clear();
        }
    }

    private bool List(WorkspaceEntry entry)
    {
        WorkspaceEntries.Write(_listed, entry);
        _entries++;
        _listedBytes += entry.Path.Length + entry.Target.Length;
        return _listedBytes <= WorkspaceBounds.MaxListedBytes && (_listed.Written.Length < FullLength || SendListed());
    }

    // False where the host has gone away.
    private bool SendListed()
    {
        if (_listed.Written.Length > 0)
        {
            channel.Send(FrameType.WorkspaceEntries, _listed.Written);
            _listed = new MessageWriter();
        }

        return _sender.WaitForRoom();
    }

    private bool WaitForRequest()
    {
        _isAsked = false;
        channel.Wait(() => _isAsked, Take, HostTimeoutMilliseconds);
        return _isAsked;
    }

    private void Take(FrameType type, byte[] payload)
    {
        if (type != FrameType.WorkspaceRequest)
        {
            // A stop request has nothing left to stop.
            return;
        }

        WorkspaceRequest request = WorkspaceRequest.FromPayload(payload);
        _wanted.UnionWith(request.Paths.Select(path => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(path))));
        _isAsked = request.IsComplete;
        _isLast = request.IsLast;
    }
}
