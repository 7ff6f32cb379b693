using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.LifecycleTests;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>Everything that can be named as an agent, started for real.</summary>
[TestClass]
public sealed class AgentKindTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ShellFile_WithArguments_GetsThemAsTheyAre()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await RunFileAsync(host, "agent.sh", "for a in \"$@\"; do echo \"<$a>\"; done", SandboxHost.BusyboxImage, "a b", "$HOME", "", "'", "--flag"));
        CollectionAssert.AreEqual(new[] { "<a b>", "<$HOME>", "<>", "<'>", "<--flag>" }, host.Lines.ToArray());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task PythonFile_OutputIsSeenWhileItRuns()
    {
        using SandboxHost host = new();
        string agent = Path.Combine(host.Root, "agent.py");
        await File.WriteAllTextAsync(agent, "import time\nprint('first')\ntime.sleep(600)\n", Token);
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<AgentRunResult> running = host.RunAsync(host.Request("", SandboxHost.PythonImage) with { Command = null, Agent = agent }, cancel.Token);
        await host.WhenLineAsync("first");
        await cancel.CancelAsync();
        Assert.AreEqual(Verdict.Cancelled, (await running).Verdict);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ExecutableFile_RunsAsItself()
    {
        using SandboxHost host = new();
        string agent = Path.Combine(host.Root, "agent");
        await File.WriteAllTextAsync(agent, "#!/bin/sh\necho \"$0\"\n", Token);
        File.SetUnixFileMode(agent, UnixFileMode.UserRead | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync(host.Request("") with { Command = null, Agent = agent }, Token));
        CollectionAssert.AreEqual(new[] { "/agent/agent" }, host.Lines.ToArray());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Folder_WithAnEntryFile_SeesTheFilesBesideIt()
    {
        using SandboxHost host = new();
        string folder = Directory.CreateDirectory(Path.Combine(host.Root, "reviewer")).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "main.py"), "import words\nprint(words.GREETING)\n", Token);
        await File.WriteAllTextAsync(Path.Combine(folder, "words.py"), "GREETING = 'from the file beside'\n", Token);
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync(host.Request("", SandboxHost.PythonImage) with { Command = null, Agent = folder }, Token));
        CollectionAssert.AreEqual(new[] { "from the file beside" }, host.Lines.ToArray());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task E9_FolderThatHoldsKeys_IsNoAgentFolder()
    {
        using SandboxHost host = new();
        string home = Directory.CreateDirectory(Path.Combine(host.Root, "home", ".ssh")).Parent!.FullName;
        await File.WriteAllTextAsync(Path.Combine(home, "agent.sh"), "cat /agent/.ssh/*", Token);
        host.Environment["HOME"] = home;
        AgentRunResult result = await host.RunAsync(host.Request("") with { Command = null, Agent = home }, Token);
        AssertVerdict(Verdict.ConfigurationError, 2, result, "IA1003");
        Assert.Contains("The agent folder", result.Diagnostics[0].Message);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Command_WithArguments_IsAShellsWithThem()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync(host.Request("echo $1-$2 | tr a-z A-Z") with { Arguments = ["one", "two"] }, Token));
        CollectionAssert.AreEqual(new[] { "ONE-TWO" }, host.Lines.ToArray());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ReadonlyMount_IsSeenAndCannotBeWritten()
    {
        using SandboxHost host = new();
        string data = Directory.CreateDirectory(Path.Combine(host.Root, "data")).FullName;
        await File.WriteAllTextAsync(Path.Combine(data, "table.csv"), "1,2\n", Token);
        AssertVerdict(Verdict.PolicyViolation, 3, await host.RunAsync("cat /data/table.csv; touch /data/new || echo refused", Token, ("readonly_mounts", $"{data}:/data")), Diagnostics.DiagnosticTable.FilesystemViolation);
        CollectionAssert.AreEqual(new[] { "1,2", "refused" }, host.Lines.Where(line => !line.StartsWith("touch", StringComparison.Ordinal)).ToArray());
    }

    private async Task<AgentRunResult> RunFileAsync(SandboxHost host, string name, string content, string image, params string[] arguments)
    {
        string agent = Path.Combine(host.Root, name);
        await File.WriteAllTextAsync(agent, content, Token);
        return await host.RunAsync(host.Request("", image) with { Command = null, Agent = agent, Arguments = [.. arguments] }, Token);
    }
}
