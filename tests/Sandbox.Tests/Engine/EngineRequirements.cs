namespace IsolatedAgents.Sandbox.Tests.Engine;

/// <summary>
/// Whether a missing engine is a reason to skip, or to fail: a build host that should have one must not pass by skipping.
/// </summary>
[TestClass]
public static class EngineRequirements
{
    public const string Docker = "IA_REQUIRE_DOCKER";
    public const string Podman = "IA_REQUIRE_PODMAN";

    /// <summary>Nothing in this assembly runs without Docker.</summary>
    [AssemblyInitialize]
    public static void LookForDocker(TestContext _)
    {
        if (!IsRequired(Docker) && !File.Exists(EngineCli.DockerSocket))
        {
            Assert.Inconclusive($"Docker does not listen on '{EngineCli.DockerSocket}'; with {Docker}=1 this is a failure.");
        }

        Require(EngineCli.DockerSocket, Docker);
    }

    /// <summary>Whether a variable makes a missing engine a failure.</summary>
    public static bool IsRequired(string variable) => Environment.GetEnvironmentVariable(variable) == "1";

    /// <summary>Fails with one line where an engine is missing.</summary>
    public static void Require(string socket, string variable) =>
        Assert.IsTrue(
            File.Exists(socket),
            $"{variable}=1 asks for these tests, and no engine listens on '{socket}'. Run build/setup.sh --with-podman, or unset {variable}."
        );
}
