namespace IsolatedAgents.Protocol;

/// <summary>Chooses the user of an agent: the owner of the workspace, and never root.</summary>
internal static class AgentUser
{
    private const int DefaultId = 1000;

    /// <summary>The agent's user and group for those of the workspace.</summary>
    public static (int UserId, int GroupId) Of(int ownerId, int groupId) =>
        ownerId == 0 ? (DefaultId, DefaultId) : (ownerId, groupId == 0 ? DefaultId : groupId);
}
