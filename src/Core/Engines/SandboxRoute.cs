namespace IsolatedAgents.Engines;

/// <summary>How one sandbox is reached.</summary>
/// <param name="UsesSocket">Whether the frames go over a Unix socket; over the attached streams otherwise.</param>
/// <param name="CopiesFiles">Whether files are copied in; mounted otherwise.</param>
internal readonly record struct SandboxRoute(bool UsesSocket, bool CopiesFiles)
{
    public override string ToString() =>
        $"{(UsesSocket ? "Unix socket" : "Attached streams")}, files {(CopiesFiles ? "copied" : "mounted")}";
}
