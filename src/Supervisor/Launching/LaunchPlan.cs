using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>What the launcher needs to become the agent.</summary>
internal sealed record LaunchPlan(string[] Arguments, string[] Environment, string WorkingDirectory, int UserId, int GroupId)
{
    public byte[] ToPayload() => new MessageWriter()
        .Texts(Arguments).Texts(Environment).Text(WorkingDirectory).Int32(UserId).Int32(GroupId)
        .Written.ToArray();

    public static LaunchPlan FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        LaunchPlan plan = new(reader.Texts(), reader.Texts(), reader.Text(), reader.Int32(), reader.Int32());
        reader.End();
        return plan;
    }
}
