using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>The data by which the launcher becomes the agent.</summary>
/// <param name="Arguments">Program and arguments.</param>
/// <param name="Environment">Its variables.</param>
/// <param name="WorkingDirectory">Where it starts.</param>
/// <param name="UserId">Who it is.</param>
/// <param name="GroupId">Its group.</param>
/// <param name="AllowedReadPaths">What it may read.</param>
/// <param name="AllowedWritePaths">What it may write.</param>
/// <param name="RequireLandlock">Whether to give up where the kernel has no Landlock.</param>
/// <param name="UnusedAddress">An address of those that stand for names, which stands for none.</param>
internal sealed record LaunchPlan(
    string[] Arguments,
    string[] Environment,
    string WorkingDirectory,
    int UserId,
    int GroupId,
    string[] AllowedReadPaths,
    string[] AllowedWritePaths,
    bool RequireLandlock,
    string UnusedAddress
)
{
    public byte[] ToPayload() =>
        new MessageWriter()
            .Texts(Arguments)
            .Texts(Environment)
            .Text(WorkingDirectory)
            .Int32(UserId)
            .Int32(GroupId)
            .Texts(AllowedReadPaths)
            .Texts(AllowedWritePaths)
            .Flag(RequireLandlock)
            .Text(UnusedAddress)
            .Written.ToArray();

    public static LaunchPlan FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        LaunchPlan plan = new(
            reader.Texts(),
            reader.Texts(),
            reader.Text(),
            reader.Int32(),
            reader.Int32(),
            reader.Texts(),
            reader.Texts(),
            reader.Flag(),
            reader.Text()
        );
        reader.End();
        return plan;
    }
}
