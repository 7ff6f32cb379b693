namespace IsolatedAgents.Runs;

/// <summary>How supervisor, agent and workspace get into the sandbox.</summary>
public enum DeliveryKind
{
    /// <summary>Mounted where the engine sees this machine's folders, else copied.</summary>
    Auto,

    /// <summary>Mounted read-only.</summary>
    Mount,

    /// <summary>Copied into volumes of the container's own.</summary>
    Copy,
}
