namespace IsolatedAgents.Sandbox.Tests.Engine;

/// <summary>
/// Skips what needs Podman where it is not, and says so. Where <see cref="EngineRequirements.Podman"/> asks for it, the tests run, and
/// fail.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class PodmanConditionAttribute : ConditionBaseAttribute
{
    public PodmanConditionAttribute()
        : base(ConditionMode.Include) =>
        IgnoreMessage = $"Podman does not listen on '{EngineCli.PodmanSocket}'; with {EngineRequirements.Podman}=1 this is a failure.";

    public override string GroupName => nameof(PodmanConditionAttribute);

    public override bool IsConditionMet => File.Exists(EngineCli.PodmanSocket) || EngineRequirements.IsRequired(EngineRequirements.Podman);
}
