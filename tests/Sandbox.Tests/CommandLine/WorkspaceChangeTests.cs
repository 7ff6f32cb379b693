using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary>A writable workspace as a user of the command line meets it, on both engines.</summary>
[TestClass]
public sealed class WorkspaceChangeTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_Passed_ChangesTheWorkspaceAndWarnsOfWhatIsHeldBack()
    {
        using CommandLineHost host = new();
        await RunAsync(host);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_OnPodman_DoesTheSame()
    {
        EngineRequirements.Require(EngineCli.PodmanSocket, EngineRequirements.Podman);
        using CommandLineHost host = new() { Engine = EngineCli.Podman };
        await RunAsync(host);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_Violation_IsThreeAndChangesNothing()
    {
        using CommandLineHost host = new();
        string file = host.Write(Path.Combine(Path.GetRelativePath(host.Root, host.Workspace), "a.txt"), "before\n");
        CommandLineResult result = await host.RunCommandAsync("echo after > a.txt; mkdir .github; exit 0", Token, "--workspace", "write");
        result.AssertEnd(3, "IA3001");
        Assert.Contains("'/workspace/.github'", result.Error);
        Assert.AreEqual("before\n", await File.ReadAllTextAsync(file, Token));
    }

    private async Task RunAsync(CommandLineHost host)
    {
        string file = host.Write(Path.Combine(Path.GetRelativePath(host.Root, host.Workspace), "a.txt"), "before\n");
        string report = Path.Combine(host.Root, "report");
        CommandLineResult result = await host.RunCommandAsync(
            "echo after > a.txt; echo all: > Makefile; echo x > build.mk", Token, "--workspace", "write", "--allowed-code-path", "*.mk", "--report-directory", report);
        Assert.AreEqual(0, result.ExitCode, result.Error);
        Assert.StartsWith("warning IA3001: ", Assert.ContainsSingle(result.ErrorLines));
        Assert.AreEqual("after\n", await File.ReadAllTextAsync(file, Token));
        Assert.IsTrue(File.Exists(Path.Combine(host.Workspace, "build.mk")));
        Assert.IsFalse(File.Exists(Path.Combine(host.Workspace, "Makefile")));
        CollectionAssert.IsSubsetOf(
            new[] { "changes.held.patch", "changes.json", "changes.patch", "session.jsonl" }, Directory.GetFiles(report).Select(Path.GetFileName).ToArray());
        Assert.Contains("workspace.held_back", result.Output);
        Assert.Contains("workspace.changed", result.Output);
    }
}
