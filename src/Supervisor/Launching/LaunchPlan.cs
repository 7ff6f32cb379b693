using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>What the launcher needs to become the agent.</summary>
internal sealed record LaunchPlan(
    string[] Arguments, string[] Environment, string WorkingDirectory, int UserId, int GroupId, string[] AllowedReadPaths, string[] AllowedWritePaths, bool RequireLandlock, bool HasEgress)
{
    public byte[] ToPayload() => new MessageWriter()
        .Texts(Arguments).Texts(Environment).Text(WorkingDirectory).Int32(UserId).Int32(GroupId)
        .Texts(AllowedReadPaths).Texts(AllowedWritePaths).Flag(RequireLandlock).Flag(HasEgress)
        .Written.ToArray();

    public static LaunchPlan FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        LaunchPlan plan = new(reader.Texts(), reader.Texts(), reader.Text(), reader.Int32(), reader.Int32(), reader.Texts(), reader.Texts(), reader.Flag(), reader.Flag());
        reader.End();
        return plan;
    }
}
