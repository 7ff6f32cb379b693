namespace IsolatedAgents.Sandbox.Tests.Engine;

/// <summary>
/// Skips what needs an engine that this machine does not have, and says so. Where a variable says that the engine must be there, the tests run, and fail.
/// </summary>
/// <param name="socket">Where the engine answers.</param>
/// <param name="requiring">The variable that, being 1, makes a missing engine a failure.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal abstract class EngineConditionAttribute(string socket, string requiring) : ConditionBaseAttribute(ConditionMode.Include)
{
    public override string GroupName => GetType().Name;

    public override bool IsConditionMet => File.Exists(socket) || Environment.GetEnvironmentVariable(requiring) == "1";

    /// <summary>Says in one line why a test that was told to run cannot.</summary>
    public static void RequireSocket(string socket, string requiring) =>
        Assert.IsTrue(File.Exists(socket), $"{requiring}=1 asks for these tests, and no engine listens on '{socket}'. Run build/setup.sh --with-podman, or unset {requiring}.");
}

/// <summary>For tests on Podman.</summary>
internal sealed class PodmanConditionAttribute : EngineConditionAttribute
{
    public const string Variable = "IA_REQUIRE_PODMAN";

    public PodmanConditionAttribute()
        : base(EngineCli.PodmanSocket, Variable) =>
        IgnoreMessage = $"Podman does not listen on '{EngineCli.PodmanSocket}'; with {Variable}=1 this is a failure.";
}

/// <summary>For tests on Docker.</summary>
internal sealed class DockerConditionAttribute : EngineConditionAttribute
{
    public const string Variable = "IA_REQUIRE_DOCKER";

    public DockerConditionAttribute()
        : base(EngineCli.DockerSocket, Variable) =>
        IgnoreMessage = $"Docker does not listen on '{EngineCli.DockerSocket}'; with {Variable}=1 this is a failure.";
}
