using System.Text.Json.Nodes;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Engine;

/// <summary>The ways to reach a sandbox: found out and not assumed, and alike in all that a user sees.</summary>
[TestClass]
public sealed class RouteTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string Command =
        "cat notes; readlink link; ./tool; cat secret 2>/dev/null; touch new 2>/dev/null && echo wrote; chmod 777 notes 2>/dev/null && echo changed; "
        + "echo 12345 > /output/five; ln -s five /output/link; echo wrong >&2; exit 3";

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("docker", EngineCli.DockerSocket)]
    [DataRow("podman", EngineCli.PodmanSocket)]
    public async Task EveryRoute_TheSameEventsAndTheSameVerdict(string engine, string socket)
    {
        EngineRequirements.Require(socket, engine == "docker" ? EngineRequirements.Docker : EngineRequirements.Podman);
        List<(string Route, string Seen)> runs = [];
        foreach (TransportKind transport in new[] { TransportKind.Socket, TransportKind.Attach })
        {
            foreach (DeliveryKind delivery in new[] { DeliveryKind.Mount, DeliveryKind.Copy })
            {
                using SandboxHost host = new() { Transport = transport, Delivery = delivery };
                host.Environment["DOCKER_HOST"] = $"unix://{socket}";
                await FillWorkspaceAsync(host);
                AgentRunResult result = await host.RunAsync(Command, Token);
                runs.Add(
                    (
                        host.Route!,
                        $"{result.Verdict} {string.Join(' ', result.Artifacts.Select(artifact => $"{artifact.Name}={artifact.Sha256}"))}\n{Summary(host)}"
                    )
                );
                Assert.AreEqual(
                    $"{(transport == TransportKind.Socket ? "Unix socket" : "Attached streams")}, files {(delivery == DeliveryKind.Mount ? "mounted" : "copied")}",
                    host.Route
                );
            }
        }

        foreach ((string route, string seen) in runs)
        {
            Assert.AreEqual(runs[0].Seen, seen, route);
        }

        Assert.Contains("noted\n", runs[0].Seen);
        Assert.Contains("the tool ran\n", runs[0].Seen);
        Assert.DoesNotContain("hidden", runs[0].Seen);
        Assert.DoesNotContain("Standard: wrote", runs[0].Seen);
        Assert.DoesNotContain("Standard: changed", runs[0].Seen);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Auto_WhereAllIsShared_TakesSocketAndMounts()
    {
        using SandboxHost host = new() { Transport = TransportKind.Auto, Delivery = DeliveryKind.Auto };
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("true", Token));
        Assert.AreEqual("Unix socket, files mounted", host.Route);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Auto_SupervisorThatDoesNotReachTheSocket_TakesTheAttachedStreams()
    {
        using SandboxHost host = new() { Transport = TransportKind.Auto, Delivery = DeliveryKind.Auto };
        using RewritingEngineProxy proxy = Proxy(host, LoseTheSocket);
        await FillWorkspaceAsync(host);
        AgentRunResult result = await host.RunAsync("cat notes; echo 1 > /output/one", Token);
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("Attached streams, files mounted", host.Route);
        Assert.AreEqual("noted", host.Lines[^1]);
        Assert.HasCount(1, result.Artifacts);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Socket_SupervisorThatDoesNotReachIt_IsAnEngineErrorAndNothingIsLeft()
    {
        using SandboxHost host = new() { Transport = TransportKind.Socket };
        using RewritingEngineProxy proxy = Proxy(host, LoseTheSocket);
        AgentRunResult result = await host.RunAsync("echo ran", Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        Assert.Contains("did not connect to this machine's socket", result.Diagnostics[0].Message);
        Assert.IsEmpty(host.Lines);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task MountsThatAreAnotherMachines_AreAnEngineErrorAndNothingRuns()
    {
        using SandboxHost host = new() { Transport = TransportKind.Attach, Delivery = DeliveryKind.Mount };
        string other = Directory.CreateDirectory(Path.Combine(host.Root, "other")).FullName;
        using RewritingEngineProxy proxy = Proxy(host, settings => Channel(settings)["Source"] = other);
        AgentRunResult result = await host.RunAsync("echo ran", Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.Contains("The control 'mounted folders' is not in force: ", result.Diagnostics[0].Message);
        Assert.IsEmpty(host.Lines);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Socket_AgentFindsNothingOfItInTheSandbox()
    {
        using SandboxHost host = new() { Transport = TransportKind.Socket };
        AssertVerdict(
            Verdict.Passed,
            0,
            await host.RunAsync("ls -A /.isolated-agents/channel 2>/dev/null | wc -l; ls /proc/self/fd | wc -l", Token)
        );
        // An empty folder; the standard streams and the folder that ls reads.
        CollectionAssert.AreEqual(new[] { "0", "4" }, host.Lines.Select(line => line.Trim()).ToArray());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Copy_FileMountOfThePolicy_IsRefused()
    {
        using SandboxHost host = new() { Delivery = DeliveryKind.Copy };
        string file = Path.Combine(host.Root, "settings.ini");
        await File.WriteAllTextAsync(file, "a=b", Token);
        AgentRunResult result = await host.RunAsync("echo ran", Token, ("readonly_mounts", $"{file}:/etc/settings.ini"));
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.Contains($"'{file}'", result.Diagnostics[0].Message);
        Assert.IsEmpty(host.Lines);
    }

    private async Task FillWorkspaceAsync(SandboxHost host)
    {
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "notes"), "noted\n", Token);
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "tool"), "#!/bin/sh\necho the tool ran\n", Token);
        File.SetUnixFileMode(
            Path.Combine(host.Workspace, "tool"),
            UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute
        );
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "secret"), "hidden\n", Token);
        File.SetUnixFileMode(Path.Combine(host.Workspace, "secret"), UnixFileMode.UserRead);
        File.CreateSymbolicLink(Path.Combine(host.Workspace, "link"), "/nowhere/at all");
        await HostProgram.RunAsync("mkfifo", [Path.Combine(host.Workspace, "pipe")], Token);
        File.SetUnixFileMode(host.Workspace, (UnixFileMode)0b111_101_101);
    }

    // What differs between two runs of one thing: times, figures, ids and the route itself.
    private static string Summary(SandboxHost host) =>
        string.Join(
            '\n',
            host.Events.Where(raised => raised is not ResourceUsage)
                .Select(raised =>
                    raised switch
                    {
                        AgentOutput output => $"{output.Stream}: {output.Line}",
                        ViolationOutput violation => $"violation: {violation.File} {violation.Reason}",
                        OutputCollected collected => $"collected: {collected.File} {collected.Size}",
                        ProcessStarted started => $"started: {started.CommandLine}",
                        FileRead read => $"read: {read.Path}",
                        FileWritten written => $"written: {written.Path}",
                        ViolationFilesystem violation => $"violation: {violation.Path} {violation.Reason}",
                        _ => raised.GetType().Name,
                        // The same thing again within a second is told with a count, and the seconds are not the same in every run.
                    }
                )
                .Distinct()
                .Order(StringComparer.Ordinal)
        ) + "\n";

    private static void LoseTheSocket(JsonObject settings)
    {
        if (settings["Cmd"] is JsonArray { Count: 2 } arguments)
        {
            arguments[1] = "/.isolated-agents/channel/other.sock";
        }
    }

    private static JsonNode Channel(JsonObject settings) =>
        settings["HostConfig"]!["Mounts"]!.AsArray().First(mount => mount!["Target"]!.GetValue<string>() == SandboxPaths.Channel)!;

    private static RewritingEngineProxy Proxy(SandboxHost host, Action<JsonObject> rewrite)
    {
        RewritingEngineProxy proxy = new(host.Root, EngineCli.DockerSocket, rewrite);
        host.Environment["DOCKER_HOST"] = proxy.Address;
        return proxy;
    }
}
