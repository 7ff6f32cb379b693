namespace IsolatedAgents.Protocol;

/// <summary>Where an agent's programs are looked for, in an image that does not say.</summary>
internal static class AgentPath
{
    /// <summary>The value of <c>PATH</c>, as Debian and Docker set it.</summary>
    public const string Default = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}
