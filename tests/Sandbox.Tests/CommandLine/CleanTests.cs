using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using IsolatedAgents.CleanUp;
using IsolatedAgents.Engines;
using IsolatedAgents.Platform.Processes;
using IsolatedAgents.Sandbox.Tests.Engine;
using IsolatedAgents.Sandbox.Tests.Faults;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary>
/// What runs that died left behind is removed, and nothing else: by the command, and by the next run. Alone, since every other test's run
/// sweeps too.
/// </summary>
[TestClass]
[DoNotParallelize]
public sealed class CleanTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string Prefix = "dev.isolated-agents.";

    private CancellationToken Token => context.CancellationToken;

    private static SandboxOwner Self => SandboxOwner.Current!;

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DataRow("docker")]
    [DataRow("podman")]
    public async Task Clean_RemovesWhatNobodyOwnsAndNothingElse(string name)
    {
        // On an engine of its own: on a shared one the next run of anybody's sweeps what this test leaves lying about.
        EngineRequirements.Require(
            name == "docker" ? EngineCli.DockerSocket : EngineCli.PodmanSocket,
            name == "docker" ? EngineRequirements.Docker : EngineRequirements.Podman
        );
        await using PrivateEngine? docker = name == "docker" ? await PrivateEngine.StartAsync(Token) : null;
        await using PrivatePodman? podman = name == "podman" ? await PrivatePodman.StartAsync(Token) : null;
        EngineCli engine = docker?.Cli ?? podman!.Cli;
        SandboxOwner dead = await DeadOwnerAsync();
        string[] ownerless =
        [
            await CreateAsync(engine, dead, isStarted: false),
            await CreateAsync(engine, dead, isStarted: true),
            // C3 42: a number that is used again, by a process that started at another time.
            await CreateAsync(engine, Self with { StartTicks = Self.StartTicks - 1 }, isStarted: true),
        ];
        string[] others =
        [
            await CreateAsync(engine, Self, isStarted: false),
            await CreateAsync(engine, Self, isStarted: true),
            await CreateAsync(engine, dead with { PidNamespace = 1 }, isStarted: true),
            await CreateAsync(engine, dead with { BootId = "00000000-0000-0000-0000-000000000000" }, isStarted: true),
            await engine.AskAsync(
                Token,
                "create",
                "--label",
                "owner-pid=1",
                "--label",
                Prefix + "owner-pid=1",
                SandboxHost.BusyboxImage,
                "true"
            ),
        ];
        using CommandLineHost host = new() { Engine = engine };
        host.Environment["DOCKER_HOST"] = docker?.Address ?? podman!.Address;
        host.Environment["TMPDIR"] = host.Root;
        CollectionAssert.AreEquivalent(ownerless, (await CleanAsync(host, name, "--dry-run")).Select(Id).ToArray());
        CollectionAssert.AreEquivalent(ownerless, (await CleanAsync(host, name)).Select(Id).ToArray());
        Assert.IsEmpty(await CleanAsync(host, name));
        CollectionAssert.AreEquivalent(others, (await engine.AskAsync(Token, "ps", "-aq", "--no-trunc")).Split('\n'));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_RemovesWhatARunThatDiedLeft()
    {
        await using PrivateEngine engine = await PrivateEngine.StartAsync(Token);
        string left = await CreateAsync(engine.Cli, await DeadOwnerAsync(), isStarted: false);
        using CommandLineHost host = new();
        host.Environment["DOCKER_HOST"] = engine.Address;
        CommandLineRun run = host.Start("run", "--command", "true", "--image", SandboxHost.BusyboxImage, "--telemetry-format", "json");
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(0, null);
        Assert.Contains(
            $"{left[..12]}",
            string.Join('\n', result.OutputLines.Where(line => line.Contains("container.removing", StringComparison.Ordinal)))
        );
        Assert.AreEqual("", await engine.AskAsync(Token, "ps", "-aq", "--filter", $"id={left}"));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Clean_AfterARunnerWasKilledBetweenCreateAndStart_RemovesContainerAndFolder()
    {
        await using PrivateEngine engine = await PrivateEngine.StartAsync(Token);
        using CommandLineHost host = new();
        TaskCompletionSource never = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using RewritingEngineProxy proxy = new(host.Root, engine.Socket, _ => { }) { StartGate = never.Task };
        host.Environment["DOCKER_HOST"] = proxy.Address;
        host.Environment["TMPDIR"] = host.Root;
        CommandLineRun run = host.Start("run", "--command", "true", "--image", SandboxHost.BusyboxImage, "--transport", "socket");
        await proxy.StartAsked.Task.WaitAsync(Token);
        await run.SignalAsync("KILL", Token);
        await run.EndAsync(Token);
        string left = await engine.Cli.ContainersOfAsync(run.Id, Token);
        Assert.AreNotEqual("", left);
        string folder = Assert.ContainsSingle(Directory.GetDirectories(host.Root, ChannelFolder.NamePrefix + "*"));
        host.Environment["DOCKER_HOST"] = engine.Address;
        Leftover[] removed = await CleanAsync(host, "docker");
        Assert.Contains(folder, removed.Select(leftover => leftover.Id));
        Assert.IsTrue(removed.Any(leftover => leftover.Id.StartsWith(left, StringComparison.Ordinal)));
        Assert.IsFalse(Directory.Exists(folder));
        Assert.AreEqual("", await engine.Cli.ContainersOfAsync(run.Id, Token));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Clean_NoEngine_IsSixWithOneLine()
    {
        using CommandLineHost host = new();
        host.Environment["DOCKER_HOST"] = $"unix://{host.Root}/nowhere.sock";
        CommandLineRun run = host.Start("clean");
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(6, "IA2001");
    }

    [TestMethod]
    public void IsOwnerless_OwnerThatCannotBeTold_OnlyFarPastItsTimeLimit()
    {
        DateTimeOffset created = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        FoundContainer foreign = new("id", created, Labels(Self with { PidNamespace = 1 }));
        Assert.IsFalse(EngineSweep.IsOwnerless(foreign, created.AddMinutes(65)));
        Assert.IsTrue(EngineSweep.IsOwnerless(foreign, created.AddMinutes(66)));
        Assert.IsFalse(
            EngineSweep.IsOwnerless(
                foreign with
                {
                    Labels = new Dictionary<string, string> { [Prefix + "session"] = "s" },
                },
                created.AddYears(1)
            )
        );
    }

    private static string Id(Leftover leftover) => leftover.Id;

    private async Task<Leftover[]> CleanAsync(CommandLineHost host, string engine, params string[] options)
    {
        CommandLineRun run = host.Start(["clean", "--engine", engine, "--json", .. options]);
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(0, null);
        return
        [
            .. JsonDocument
                .Parse(result.Output)
                .RootElement.GetProperty("leftovers")
                .EnumerateArray()
                .Select(leftover => new Leftover(
                    leftover.GetProperty("kind").GetString()!,
                    leftover.GetProperty("id").GetString()!,
                    leftover.GetProperty("engine").GetString(),
                    leftover.GetProperty("problem").GetString()
                )),
        ];
    }

    // A process that was, as it was.
    private async Task<SandboxOwner> DeadOwnerAsync()
    {
        using Process process = Process.Start(new ProcessStartInfo("cat") { RedirectStandardInput = true })!;
        string stat = await File.ReadAllTextAsync(string.Create(CultureInfo.InvariantCulture, $"/proc/{process.Id}/stat"), Token);
        long ticks = long.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19], CultureInfo.InvariantCulture);
        process.StandardInput.Close();
        await process.WaitForExitAsync(Token);
        return Self with { Pid = process.Id, StartTicks = ticks };
    }

    private static Dictionary<string, string> Labels(SandboxOwner owner) =>
        new()
        {
            [Prefix + "session"] = "test",
            [Prefix + "timeout-seconds"] = "300",
            [Prefix + "boot-id"] = owner.BootId,
            [Prefix + "owner-pid-namespace"] = owner.PidNamespace.ToString(CultureInfo.InvariantCulture),
            [Prefix + "owner-pid"] = owner.Pid.ToString(CultureInfo.InvariantCulture),
            [Prefix + "owner-start"] = owner.StartTicks.ToString(CultureInfo.InvariantCulture),
        };

    private async Task<string> CreateAsync(EngineCli engine, SandboxOwner owner, bool isStarted)
    {
        string[] labels = [.. Labels(owner).SelectMany(label => new[] { "--label", $"{label.Key}={label.Value}" })];
        string id = await engine.AskAsync(
            Token,
            ["create", .. labels, SandboxHost.BusyboxImage, "sh", "-c", "trap exit TERM; sleep 600 & wait"]
        );
        if (isStarted)
        {
            await engine.AskAsync(Token, "start", id);
        }

        return id;
    }
}
