namespace IsolatedAgents.Runs;

/// <summary>How host and sandbox talk. Either carries the same frames, and with them the same events and the same verdict.</summary>
public enum TransportKind
{
    /// <summary>The socket where the sandbox proves that it reaches it, else the attached streams.</summary>
    Auto,

    /// <summary>A Unix socket in a mounted folder: needs an engine that shares this machine's kernel and file system.</summary>
    Socket,

    /// <summary>The container's attached standard streams, which every engine can carry.</summary>
    Attach,
}
