namespace IsolatedAgents.Protocol;

/// <summary>The PATH of an agent whose image sets none.</summary>
internal static class AgentPath
{
    /// <summary>The value of <c>PATH</c>, as Debian and Docker set it.</summary>
    public const string Default = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}
