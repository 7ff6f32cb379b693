using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Verification;

namespace IsolatedAgents.Supervisor.Identity;

/// <summary>The agent's user and group in its sandbox.</summary>
/// <param name="UserId">Its user; never 0.</param>
/// <param name="GroupId">Its group; never 0.</param>
/// <param name="ImageHome">
/// The home folder that the image has for it, where the agent is the image's own user: it may be read. Null elsewhere.
/// </param>
internal sealed record AgentIdentity(int UserId, int GroupId, string? ImageHome)
{
    private const string HomeVariable = "HOME=";

    /// <summary>
    /// Chooses, first of all, whom the host has chosen; then the owner of the workspace, then the image's own user, then user 1000. None of
    /// them is ever root, nor a name that leads to root.
    /// </summary>
    /// <param name="spec">The orders.</param>
    /// <param name="users">The image's users.</param>
    public static AgentIdentity Choose(LaunchSpec spec, UserDatabase users)
    {
        if (spec.AgentUserId != 0)
        {
            (int userId, int groupId) = AgentUser.Of(spec.AgentUserId, spec.AgentGroupId);
            return new AgentIdentity(userId, groupId, null);
        }

        if (spec.WorkspacePath.Length > 0)
        {
            FileStatus status = SandboxCheck.Status(spec.WorkspacePath, "workspace");
            if (status.UserId != 0)
            {
                (int userId, int groupId) = AgentUser.Of((int)status.UserId, (int)status.GroupId);
                return new AgentIdentity(userId, groupId, null);
            }
        }

        return OfImage(spec.ImageUser, users);
    }

    /// <summary>The agent's entry for <c>/etc/passwd</c>, with the home folder that its environment names.</summary>
    /// <param name="users">The image's users.</param>
    /// <param name="environment">The agent's environment, as <c>NAME=value</c>.</param>
    public UserEntry Entry(UserDatabase users, IEnumerable<string> environment)
    {
        string? home = environment
            .LastOrDefault(variable => variable.StartsWith(HomeVariable, StringComparison.Ordinal))
            ?[HomeVariable.Length..];
        return new UserEntry(
            users.NameOf(UserId),
            UserId,
            GroupId,
            home is ['/', ..] && home.AsSpan().IndexOfAny(':', '\n') < 0 ? home : "/tmp"
        );
    }

    // An image's user is a name or number, and a group behind a colon.
    private static AgentIdentity OfImage(string imageUser, UserDatabase users)
    {
        string[] parts = imageUser.Split(':', 2);
        UserEntry? entry = parts[0].Length > 0 ? users.FindUser(parts[0]) : null;
        int userId = entry?.UserId ?? UserDatabase.ParseNumber(parts[0]) ?? 0;
        int? group = parts.Length > 1 ? users.FindGroup(parts[1]) : entry?.GroupId;
        (int chosen, int chosenGroup) = AgentUser.Of(userId, group ?? 0);
        string? home =
            userId != 0 && entry?.Home is ['/', _, ..] path && !path.Contains("..", StringComparison.Ordinal) ? path.TrimEnd('/') : null;
        return new AgentIdentity(chosen, chosenGroup, home);
    }
}
