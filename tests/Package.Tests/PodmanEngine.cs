namespace IsolatedAgents.Package.Tests;

/// <summary>Podman, where it answers on this machine.</summary>
internal static class PodmanEngine
{
    public const string Name = "podman";

    private const string SystemSocket = "/run/podman/podman.sock";
    private const string Required = "IA_REQUIRE_PODMAN";

    /// <summary>Ends the test where Podman is not there: as a failure where this run requires it.</summary>
    public static void Require()
    {
        string? runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        if (!File.Exists(SystemSocket) && (runtime is null || !File.Exists(Path.Combine(runtime, "podman", "podman.sock"))))
        {
            Assert.AreNotEqual("1", Environment.GetEnvironmentVariable(Required), $"{Required} is set and {SystemSocket} is missing.");
            Assert.Inconclusive($"Podman does not run here: {SystemSocket} is missing.");
        }
    }
}
