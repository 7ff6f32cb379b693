using System.Diagnostics;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>What an agent sees of a repository, and what it is told where it sees none.</summary>
[TestClass]
public sealed class RepositoryTests
{
    private const int Minute = 60_000;
    private const string Token = "ghs_0123456789abcdef";

    public required TestContext TestContext { get; init; }

    private CancellationToken Cancellation => TestContext.CancellationToken;

    [TestMethod]
    [DataRow("read", DeliveryKind.Mount)]
    [DataRow("read", DeliveryKind.Copy)]
    [DataRow("write", DeliveryKind.Mount)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task TokenOfACheckoutStep_IsNotShown(string workspace, DeliveryKind delivery)
    {
        using SandboxHost host = new() { Delivery = delivery };
        await GitAsync(host.Workspace, "init", "-q");
        await GitAsync(host.Workspace, "config", "remote.origin.url", $"https://x-access-token:{Token}@github.com/a/b.git");
        await GitAsync(host.Workspace, "config", "http.https://github.com/.extraheader", $"AUTHORIZATION: basic {Token}");
        await GitAsync(host.Workspace, "config", "user.name", "somebody");
        AgentRunResult result = await host.RunAsync(
            host.Request(
                "cat .git/config; git config --list; git status --short; grep -rc ghs_ .git/config; true",
                SandboxHost.ClientsImage,
                ("filesystem.workspace", workspace),
                ("memory_mb", "256")
            ),
            Cancellation
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.DoesNotContain(line => line.Contains("ghs_", StringComparison.Ordinal), host.Lines);
        Assert.Contains("remote.origin.url=https://github.com/a/b.git", host.Lines);
        Assert.Contains("user.name=somebody", host.Lines);
        Assert.Contains(
            Token,
            await File.ReadAllTextAsync(Path.Combine(host.Workspace, ".git", "config"), Cancellation),
            "the host's own file is as it was"
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task FolderBelowARepository_NamesTheParameter_WhereGitIsUsed()
    {
        using SandboxHost host = new();
        await GitAsync(host.Root, "init", "-q");
        AgentRunResult result = await host.RunAsync(host.Request("git status; true", SandboxHost.ClientsImage), Cancellation);
        AssertVerdict(Verdict.Passed, 0, result);
        Diagnostic advice = Assert.ContainsSingle(result.Diagnostics);
        Assert.AreEqual((DiagnosticTable.Parameters, DiagnosticSeverity.Warning), (advice.Code, advice.Severity));
        Assert.Contains($"lies below the repository '{host.Root}'", advice.Message);
        Assert.Contains("WorkingDirectory", advice.Message);

        AgentRunResult silent = await host.RunAsync(host.Request("true", SandboxHost.ClientsImage), Cancellation);
        Assert.IsEmpty(silent.Diagnostics);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task WorkTreeWhoseRepositoryLiesElsewhere_NamesTheMount()
    {
        using SandboxHost host = new();
        // The sandbox has a /tmp of its own, where nothing can be mounted.
        string folder = Path.Combine("/srv", $"isolated-agents-test-{Guid.NewGuid():N}");
        string repository = Directory.CreateDirectory(Path.Combine(folder, "repository")).FullName;
        await GitAsync(repository, "init", "-q");
        await GitAsync(repository, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "first");
        string worktree = Path.Combine(folder, "worktree");
        await GitAsync(repository, "worktree", "add", "-q", worktree);
        AgentRunRequest request = host.Request("git log --oneline; true", SandboxHost.ClientsImage) with { WorkingDirectory = worktree };
        AgentRunResult result = await host.RunAsync(request, Cancellation);
        Diagnostic advice = Assert.ContainsSingle(result.Diagnostics);
        string mount = $"{repository}/.git:{repository}/.git";
        Assert.Contains($"'{mount}' in readonly_mounts", advice.Message);

        // The advice is one that works.
        AgentRunRequest advised = host.Request("git log --oneline", SandboxHost.ClientsImage, ("readonly_mounts", mount)) with
        {
            WorkingDirectory = worktree,
        };
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync(advised, Cancellation));
        Assert.Contains(line => line.EndsWith(" first", StringComparison.Ordinal), host.Lines);
        Directory.Delete(folder, recursive: true);
    }

    private async Task GitAsync(string folder, params string[] arguments)
    {
        using Process process = Process.Start("git", ["-C", folder, .. arguments]);
        await process.WaitForExitAsync(Cancellation);
        Assert.AreEqual(0, process.ExitCode, string.Join(' ', arguments));
    }
}
