using IsolatedAgents.Runs;

namespace IsolatedAgents.Sandbox.Tests;

[TestClass]
public sealed class LifecycleTests
{
    public required TestContext TestContext { get; init; }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Run_CommandThatWritesAFile_PassesAndCollectsIt()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync("echo hello; echo oops >&2; echo data > /output/result.txt", TestContext.CancellationToken);
        Assert.AreEqual(Verdict.Passed, result.Verdict, string.Join('\n', result.Diagnostics));
        Assert.AreEqual("data\n", File.ReadAllText(Path.Combine(host.Output, "result.txt")));
        Assert.Contains("hello", host.Lines);
    }
}
