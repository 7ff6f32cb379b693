using IsolatedAgents.Sandbox.Tests.CommandLine;
using IsolatedAgents.Sandbox.Tests.Faults;

namespace IsolatedAgents.Sandbox.Tests.RemoteEngine;

/// <summary>
/// An engine behind ssh: a real server and a real client. The same run gives the same events and artifacts, and what keeps the client from
/// the engine is said.
/// </summary>
[TestClass]
public sealed class SshEngineTests
{
    private const int Minutes = 4 * 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Run_OnAnEngineBehindSsh_GivesTheSameEventsAndArtifacts()
    {
        using CommandLineHost host = new();
        host.Write("workspace/source.txt", "from here");
        using SshServer server = await StartAsync(host);
        await using PrivateEngine engine = await PrivateEngine.StartAsync(Token);
        RecordedRun local = await RecordedRun.StartAsync(host, Token);
        host.Environment["DOCKER_HOST"] = server.Address;
        RecordedRun overSsh = await RecordedRun.StartAsync(host, Token);
        RecordedRun copied = await RecordedRun.StartAsync(host, Token, "--transport", "attach", "--delivery", "copy");
        host.Environment["DOCKER_HOST"] = $"{server.Address}{engine.Socket}";
        RecordedRun byPath = await RecordedRun.StartAsync(host, Token, "--transport", "attach", "--delivery", "copy");
        CollectionAssert.AreEqual(new[] { "copy from here", "sub/file data\n" }, local.Artifacts);
        foreach (RecordedRun remote in new[] { overSsh, copied, byPath })
        {
            CollectionAssert.AreEqual(local.Events, remote.Events, string.Join(' ', remote.Events));
            CollectionAssert.AreEqual(local.Artifacts, remote.Artifacts);
        }

        Assert.IsEmpty(server.Clients());
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Run_ManyBytesThroughSsh_ArriveAsTheyWere()
    {
        using CommandLineHost host = new();
        using SshServer server = await StartAsync(host);
        host.Environment["DOCKER_HOST"] = server.Address;
        CommandLineResult result = await host.RunCommandAsync(
            "seq 1 200000; dd if=/dev/zero of=/output/zeros bs=1M count=8 2>/dev/null",
            Token,
            "--transport",
            "attach",
            "--delivery",
            "copy",
            "--report-directory",
            "reports"
        );
        result.AssertEnd(0, null);
        Assert.AreEqual(8 * 1024 * 1024, new FileInfo(Path.Combine(host.Output, "zeros")).Length);
        Assert.Contains("line=200000", result.Output);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Run_ClientIsRefused_SaysWhatItSaid()
    {
        using CommandLineHost host = new();
        using SshServer server = await StartAsync(host);
        host.Environment["DOCKER_HOST"] = $"{server.Address}/no/such.sock";
        await AssertNoEngineAsync(host, "no/such.sock");
        await server.ForgetKeyAsync(Token);
        host.Environment["DOCKER_HOST"] = server.Address;
        await AssertNoEngineAsync(host, "exit code 255: root@127.0.0.1: Permission denied (publickey).");
        await server.ForgetServerAsync(Token);
        await AssertNoEngineAsync(host, "exit code 255: Host key verification failed.");
        host.Environment["DOCKER_HOST"] = "ssh://root@127.0.0.1:1";
        await AssertNoEngineAsync(host, "Connection refused");
        host.Environment["PATH"] = host.Root;
        await AssertNoEngineAsync(host, "Install OpenSSH's client.");
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("ssh://root:secret-word@host", "a password does not belong there")]
    [DataRow("ssh://-oProxyCommand=x@host", "no user has such a name")]
    [DataRow("ssh://host/run/$(reboot).sock", "the path of its socket")]
    [DataRow("ssh://host/a?b=c", "nothing may follow the path")]
    public async Task Run_AddressThatCouldMeanMore_IsRefused(string address, string reason)
    {
        using CommandLineHost host = new() { Environment = { ["DOCKER_HOST"] = address } };
        CommandLineResult result = await host.RunCommandAsync("true", Token);
        result.AssertEnd(6, "IA2001");
        Assert.Contains(reason, result.Error);
        Assert.DoesNotContain("secret-word", result.Output + result.Error);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Run_WayIsCutWhileTheAgentRuns_IsAnEngineErrorAndNothingIsLeft()
    {
        using CommandLineHost host = new();
        using SshServer server = await StartAsync(host);
        host.Environment["DOCKER_HOST"] = server.Address;
        CommandLineRun run = host.StartCommand(
            "echo ready; sleep 600",
            "--transport",
            "attach",
            "--delivery",
            "copy",
            "--report-directory",
            "reports"
        );
        await run.WhenOutputAsync("line=ready", Token);
        string session = await File.ReadAllTextAsync(Path.Combine(host.Root, "reports", "session.jsonl"), Token);
        server.Dispose();
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(6, "IA2003");
        await DockerCli.WaitForRemovalAsync(
            System.Text.Json.JsonDocument.Parse(session.Split('\n')[0]).RootElement.GetProperty("session.id").GetString()!,
            Token
        );
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Run_Interrupted_EndsTheAgentThroughSsh()
    {
        using CommandLineHost host = new();
        using SshServer server = await StartAsync(host);
        host.Environment["DOCKER_HOST"] = server.Address;
        CommandLineRun run = host.StartCommand(
            "echo partial > /output/partial; echo ready; sleep 600",
            "--transport",
            "attach",
            "--delivery",
            "copy"
        );
        await run.WhenOutputAsync("line=ready", Token);
        await run.SignalAsync("INT", Token);
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(130, "IA7001");
        Assert.IsTrue(File.Exists(Path.Combine(host.Output, "partial")), result.Output);
        Assert.IsEmpty(server.Clients());
    }

    private async Task<SshServer> StartAsync(CommandLineHost host)
    {
        SshServer server = await SshServer.StartAsync(host, Token);
        host.Environment["PATH"] = $"{server.ClientFolder}:{Environment.GetEnvironmentVariable("PATH")}";
        return server;
    }

    private async Task AssertNoEngineAsync(CommandLineHost host, string reason)
    {
        CommandLineResult result = await host.RunCommandAsync("true", Token);
        result.AssertEnd(6, "IA2001");
        Assert.Contains(reason, result.Error);
    }
}
