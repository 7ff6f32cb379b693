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

    [TestMethod]
    [Timeout(3 * Minute, CooperativeCancellation = true)]
    [DataRow(false, DisplayName = "by the next run")]
    [DataRow(true, DisplayName = "by clean")]
    public async Task Run_KilledWhileItPutsChangesInPlace_TheyAreTakenBack(bool byClean)
    {
        const int Files = 2000;
        using CommandLineHost host = new();
        // Any run looks for what is to be taken back where temporary files are, and others go on beside this test.
        host.Environment["TMPDIR"] = Directory.CreateDirectory(Path.Combine(host.Root, "tmp")).FullName;
        for (int i = 0; i < Files; i++)
        {
            host.Write(Path.Combine(Path.GetRelativePath(host.Root, host.Workspace), $"f{i}"), "before\n");
        }

        using FileSystemWatcher watcher = new(host.Workspace, "f*") { InternalBufferSize = 64 * 1024 };
        CommandLineRun run = host.StartCommand(
            "for f in f*; do echo after > $f; done; mkdir new; echo more > new/file",
            "--workspace",
            "write",
            "--max-output-files",
            "5000"
        );
        using System.Diagnostics.Process process = System.Diagnostics.Process.GetProcessById(run.Id);
        watcher.Created += (_, _) => process.Kill();
        watcher.Renamed += (_, _) => process.Kill();
        watcher.EnableRaisingEvents = true;
        await run.EndAsync(Token);
        Assert.IsNotEmpty(Directory.GetDirectories(host.Workspace, ".isolated-agents-*"), "It was not killed in the middle.");
        int changed = CountOf("after\n");
        Assert.IsTrue(changed is > 0 and < Files, $"{changed} of {Files} files were in place.");

        if (byClean)
        {
            CommandLineResult cleaned = await host.Start("clean", "--engine", "docker").EndAsync(Token);
            Assert.AreEqual(0, cleaned.ExitCode, cleaned.Error);
            Assert.Contains($"changes {host.Workspace}", cleaned.Output);
        }
        else
        {
            CommandLineResult next = await host.RunCommandAsync("cat f* | sort -u", Token, "--workspace", "write");
            Assert.AreEqual(0, next.ExitCode, next.Error);
            Assert.EndsWith(
                "line=before",
                Assert.ContainsSingle(next.OutputLines.Where(line => line.Contains("agent.output", StringComparison.Ordinal)))
            );
            Assert.ContainsSingle(next.OutputLines.Where(line => line.Contains("operation=restored", StringComparison.Ordinal)));
        }

        Assert.AreEqual(Files, CountOf("before\n"));
        Assert.AreEqual(Files, Directory.GetFileSystemEntries(host.Workspace).Length, "Nothing else is left.");

        int CountOf(string text) => Directory.EnumerateFiles(host.Workspace, "f*").Count(file => File.ReadAllText(file) == text);
    }

    private async Task RunAsync(CommandLineHost host)
    {
        string file = host.Write(Path.Combine(Path.GetRelativePath(host.Root, host.Workspace), "a.txt"), "before\n");
        string report = Path.Combine(host.Root, "report");
        CommandLineResult result = await host.RunCommandAsync(
            "echo after > a.txt; echo all: > Makefile; echo x > build.mk",
            Token,
            "--workspace",
            "write",
            "--allowed-code-path",
            "*.mk",
            "--report-directory",
            report
        );
        Assert.AreEqual(0, result.ExitCode, result.Error);
        Assert.StartsWith("warning IA3001: ", Assert.ContainsSingle(result.ErrorLines));
        Assert.AreEqual("after\n", await File.ReadAllTextAsync(file, Token));
        Assert.IsTrue(File.Exists(Path.Combine(host.Workspace, "build.mk")));
        Assert.IsFalse(File.Exists(Path.Combine(host.Workspace, "Makefile")));
        CollectionAssert.IsSubsetOf(
            new[] { "changes.held.patch", "changes.json", "changes.patch", "session.jsonl" },
            Directory.GetFiles(report).Select(Path.GetFileName).ToArray()
        );
        Assert.Contains("workspace.held_back", result.Output);
        Assert.Contains("workspace.changed", result.Output);
    }
}
