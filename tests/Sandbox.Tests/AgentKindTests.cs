using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

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
        AssertVerdict(
            Verdict.Passed,
            0,
            await RunFileAsync(
                host,
                "agent.sh",
                "for a in \"$@\"; do echo \"<$a>\"; done",
                SandboxHost.BusyboxImage,
                "a b",
                "$HOME",
                "",
                "'",
                "--flag"
            )
        );
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
        Task<AgentRunResult> running = host.RunAsync(
            host.Request("", SandboxHost.PythonImage) with
            {
                Command = null,
                Agent = agent,
            },
            cancel.Token
        );
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

    // The file's first line decides, whatever its name ends in and whether or not it may be executed.
    [TestMethod]
    [DataRow("agent", "#!/bin/bash\necho \"${BASH_VERSION:+bash} $0 $1\"\n", "bash /agent/agent x")]
    [DataRow("agent.sh", "#!/bin/bash\na=(one two)\necho \"${a[1]} $0 $1\"\n", "two /agent/agent.sh x")]
    [DataRow("agent.sh", "#!/usr/bin/env -S bash -u\necho \"${-//[^u]/} $0 $1\"\n", "u /agent/agent.sh x")]
    [DataRow("agent.py", "#!/usr/bin/env -S python3 -O\nimport sys\nprint(sys.flags.optimize, *sys.argv)\n", "1 /agent/agent.py x")]
    [DataRow("agent.py", "#!/bin/sh\necho \"shell $0 $1\"\n", "shell /agent/agent.py x")]
    [DataRow("agent.py", "\uFEFF#!/usr/bin/env python3\r\nimport sys\r\nprint(*sys.argv)\r\n", "/agent/agent.py x")]
    [DataRow("agent.sh", "# no first line of its own\necho \"$0 $1\"\n", "/agent/agent.sh x")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task File_WithAFirstLine_IsStartedByIt(string name, string text, string said)
    {
        using SandboxHost host = new();
        string agent = Path.Combine(host.Root, name);
        await File.WriteAllTextAsync(agent, text, Token);
        AgentRunRequest request = host.Request("", SandboxHost.PythonImage) with { Command = null, Agent = agent, Arguments = ["x"] };
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync(request, Token));
        CollectionAssert.AreEqual(new[] { said }, host.Lines.ToArray());
    }

    [TestMethod]
    [DataRow("agent", "#!/bin/sh\r\necho x\r\n", "/agent/agent: its first line asks for '/bin/sh\\r'")]
    [DataRow("agent.sh", "#!/usr/bin/env bash\r\necho x\r\n", "/agent/agent.sh: its first line asks for 'bash\\r'")]
    [DataRow("agent.sh", "\uFEFF#!/bin/sh\necho x\n", "/agent/agent.sh: a byte order mark stands before the '#!'")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task File_WithAFirstLineThatLinuxCannotFollow_IsRefusedAndNamed(string name, string text, string problem)
    {
        using SandboxHost host = new();
        string agent = Path.Combine(host.Root, name);
        await File.WriteAllTextAsync(agent, text, Token);
        AgentRunResult result = await host.RunAsync(host.Request("") with { Command = null, Agent = agent }, Token);
        AssertVerdict(Verdict.ConfigurationError, 2, result, DiagnosticTable.AgentNotFound);
        Assert.StartsWith(problem, result.Diagnostics[0].Message);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task File_WhoseInterpreterTheImageLacks_SaysWhoAsksForIt()
    {
        using SandboxHost host = new();
        string agent = Path.Combine(host.Root, "agent");
        await File.WriteAllTextAsync(agent, "#!/usr/local/bin/fish\necho x\n", Token);
        AgentRunResult result = await host.RunAsync(host.Request("") with { Command = null, Agent = agent }, Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.Image);
        Assert.StartsWith(
            "The first line of the agent 'agent' asks for '/usr/local/bin/fish'. The program '/usr/local/bin/fish' cannot be started in the image",
            result.Diagnostics[0].Message
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Folder_WithAnEntryFile_SeesTheFilesBesideIt()
    {
        using SandboxHost host = new();
        string folder = Directory.CreateDirectory(Path.Combine(host.Root, "reviewer")).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "main.py"), "import words\nprint(words.GREETING)\n", Token);
        await File.WriteAllTextAsync(Path.Combine(folder, "words.py"), "GREETING = 'from the file beside'\n", Token);
        AssertVerdict(
            Verdict.Passed,
            0,
            await host.RunAsync(host.Request("", SandboxHost.PythonImage) with { Command = null, Agent = folder }, Token)
        );
        CollectionAssert.AreEqual(new[] { "from the file beside" }, host.Lines.ToArray());
    }

    [TestMethod]
    [TestProperty("Case", "E9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task FolderThatHoldsKeys_IsNoAgentFolder()
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
        AssertVerdict(
            Verdict.Passed,
            0,
            await host.RunAsync(host.Request("echo $1-$2 | tr a-z A-Z") with { Arguments = ["one", "two"] }, Token)
        );
        CollectionAssert.AreEqual(new[] { "ONE-TWO" }, host.Lines.ToArray());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ReadonlyMount_IsSeenAndCannotBeWritten()
    {
        using SandboxHost host = new();
        string data = Directory.CreateDirectory(Path.Combine(host.Root, "data")).FullName;
        await File.WriteAllTextAsync(Path.Combine(data, "table.csv"), "1,2\n", Token);
        AssertVerdict(
            Verdict.PolicyViolation,
            3,
            await host.RunAsync("cat /data/table.csv; touch /data/new || echo refused", Token, ("readonly_mounts", $"{data}:/data")),
            Diagnostics.DiagnosticTable.FilesystemViolation
        );
        CollectionAssert.AreEqual(
            new[] { "1,2", "refused" },
            host.Lines.Where(line => !line.StartsWith("touch", StringComparison.Ordinal)).ToArray()
        );
    }

    private async Task<AgentRunResult> RunFileAsync(SandboxHost host, string name, string content, string image, params string[] arguments)
    {
        string agent = Path.Combine(host.Root, name);
        await File.WriteAllTextAsync(agent, content, Token);
        return await host.RunAsync(host.Request("", image) with { Command = null, Agent = agent, Arguments = [.. arguments] }, Token);
    }
}
