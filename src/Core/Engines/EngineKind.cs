namespace IsolatedAgents.Engines;

/// <summary>Which engine runs the sandbox.</summary>
public enum EngineKind
{
    /// <summary>Docker where it answers, else Podman.</summary>
    Auto,

    /// <summary>Docker alone.</summary>
    Docker,

    /// <summary>Podman alone.</summary>
    Podman,
}
