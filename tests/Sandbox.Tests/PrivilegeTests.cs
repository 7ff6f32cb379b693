using System.Text.Json;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>What an agent must not be able to do, tried from inside.</summary>
[TestClass]
public sealed class PrivilegeTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "E1")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task EngineBusAndKeyAgent_AreNotInside()
    {
        using SandboxHost host = new();
        host.Environment["SSH_AUTH_SOCK"] = "/tmp/agent.sock";
        host.Environment["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/run/user/0/bus";
        AssertVerdict(
            Verdict.Passed,
            0,
            await host.RunAsync("find / -type s 2>/dev/null; env | grep -E 'SOCK|BUS|DOCKER'; ls /run /var/run 2>/dev/null; exit 0", Token)
        );
        Assert.IsEmpty(host.Lines, string.Join('\n', host.Lines));
    }

    [TestMethod]
    [TestProperty("Case", "E2")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Agent_IsNobodyAndCanBecomeNobody()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunPuppetAsync("ids -- syscall setuid", Token));
        JsonElement ids = host.Said("ids");
        Assert.AreEqual(1000, ids.GetProperty("uid").GetInt32());
        Assert.AreEqual(1000, ids.GetProperty("egid").GetInt32());
        Assert.AreEqual(0, ids.GetProperty("groups").GetArrayLength());
        foreach (string set in new[] { "CapEff", "CapPrm", "CapInh", "CapAmb" })
        {
            Assert.AreEqual("0000000000000000", ids.GetProperty(set).GetString(), set);
        }

        Assert.AreEqual("1", ids.GetProperty("NoNewPrivs").GetString());
        Assert.AreEqual("2", ids.GetProperty("Seccomp").GetString());
        AssertRefused(host.Said("syscall"), "EPERM");
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Agent_InAWorkspaceOfAnotherUser_RunsAsThatUser()
    {
        using SandboxHost host = new();
        // Changing an owner has no managed form.
        await HostProgram.RunAsync("chown", ["4321:4322", host.Workspace], Token);
        AssertVerdict(Verdict.Passed, 0, await host.RunPuppetAsync("ids", Token));
        Assert.AreEqual(4321, host.Said("ids").GetProperty("uid").GetInt32());
        Assert.AreEqual(4322, host.Said("ids").GetProperty("gid").GetInt32());
    }

    [TestMethod]
    [TestProperty("Case", "E3")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Secret_IsNowhereButInTheAgent()
    {
        const string Secret = "s3cr3t-7f91c2d8";
        using SandboxHost host = new();
        host.Environment["API_TOKEN"] = Secret;
        Task<AgentRunResult> running = host.RunAsync(
            host.Request(
                "echo token is $API_TOKEN; cat /proc/1/environ /proc/1/cmdline; echo started; sleep 3",
                SandboxHost.BusyboxImage,
                ("sensitive_env_vars", "API_TOKEN"),
                ("fail_on", "timeout")
            ) with
            {
                ReportDirectory = Path.Combine(host.Root, "report"),
            },
            Token
        );
        await host.WhenLineAsync("started");
        string inspected = await DockerCli.RunAsync(Token, "inspect", await host.ContainerIdAsync());
        AgentRunResult result = await running;
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.DoesNotContain(Secret, inspected);
        Assert.Contains("token is ***", host.Lines);
        Assert.DoesNotContain(line => line.Contains(Secret, StringComparison.Ordinal), host.Lines);
        Assert.DoesNotContain(Secret, await File.ReadAllTextAsync(result.ReportFile!, Token));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task HostEnvironment_NotNamed_DoesNotReachTheAgent()
    {
        using SandboxHost host = new();
        host.Environment["UNNAMED_TOKEN"] = "unnamed-value";
        host.Environment["NAMED"] = "named-value";
        AssertVerdict(Verdict.Passed, 0, await host.RunPuppetAsync("env", Token, ("allowed_env_vars", "NAMED")));
        JsonElement environment = host.Said("env").GetProperty("env");
        Assert.IsFalse(environment.TryGetProperty("UNNAMED_TOKEN", out _));
        Assert.AreEqual("named-value", environment.GetProperty("NAMED").GetString());
        Assert.AreEqual("/tmp", environment.GetProperty("HOME").GetString());
    }

    [TestMethod]
    [TestProperty("Case", "E4")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task InheritedDescriptors_AreInputOutputAndError()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunPuppetAsync("fds", Token));
        CollectionAssert.AreEquivalent(
            new[] { "0", "1", "2" },
            host.Said("fds").GetProperty("fds").EnumerateObject().Select(descriptor => descriptor.Name).ToArray()
        );
    }

    [TestMethod]
    [TestProperty("Case", "E6")]
    [DataRow("io_uring")]
    [DataRow("ptrace")]
    [DataRow("bpf")]
    [DataRow("userfaultfd")]
    [DataRow("mount")]
    [DataRow("unshare")]
    [DataRow("setns")]
    [DataRow("keyctl")]
    [DataRow("open_by_handle_at")]
    [DataRow("kexec")]
    [DataRow("perf")]
    [DataRow("personality")]
    [DataRow("chroot")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SystemCall_IsDenied(string name)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync($"syscall {name}", Token);
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.ProcessViolation);
        AssertRefused(host.Said("syscall"), "EPERM");
        Assert.EndsWith("/python3.11", Assert.ContainsSingle(host.Events.OfType<ViolationProcess>()).Process);
    }

    // Podman's own profile would answer before ours is asked, and nobody would hear of it. It reads ours from a file, which it shares with
    // us, or which is brought to it.
    [TestMethod]
    [TestProperty("Case", "E6")]
    [DataRow("io_uring", true)]
    [DataRow("bpf", true)]
    [DataRow("userfaultfd", true)]
    [DataRow("keyctl", true)]
    [DataRow("open_by_handle_at", true)]
    [DataRow("kexec", true)]
    [DataRow("perf", true)]
    [DataRow("chroot", true)]
    [DataRow("mount", true)]
    [DataRow("personality", true)]
    [DataRow("io_uring", false)]
    [DataRow("bpf", false)]
    [DataRow("userfaultfd", false)]
    [DataRow("keyctl", false)]
    [DataRow("open_by_handle_at", false)]
    [DataRow("kexec", false)]
    [DataRow("perf", false)]
    [DataRow("chroot", false)]
    [DataRow("mount", false)]
    [DataRow("personality", false)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SystemCallOnPodman_IsDeniedAndTold(string name, bool isShared)
    {
        Engine.EngineRequirements.Require(Engine.EngineCli.PodmanSocket, Engine.EngineRequirements.Podman);
        using SandboxHost host = new()
        {
            Transport = isShared ? TransportKind.Socket : TransportKind.Attach,
            Delivery = isShared ? DeliveryKind.Mount : DeliveryKind.Copy,
        };
        host.Environment["DOCKER_HOST"] = $"unix://{Engine.EngineCli.PodmanSocket}";
        AgentRunResult result = await host.RunPuppetAsync($"syscall {name}", Token);
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.ProcessViolation);
        AssertRefused(host.Said("syscall"), "EPERM");
        Assert.ContainsSingle(host.Events.OfType<ViolationProcess>());
        Assert.AreEqual(
            "",
            await Engine.EngineCli.Podman.AskAsync(
                Token,
                "ps",
                "-aq",
                "--filter",
                $"label={SandboxLabels.Session}={result.SessionId}",
                "--filter",
                "status=created"
            )
        );
    }

    [TestMethod]
    [TestProperty("Case", "N11")]
    [DataRow("raw", "EAFNOSUPPORT")]
    [DataRow("packet", "EAFNOSUPPORT")]
    [DataRow("vsock", "EAFNOSUPPORT")]
    [DataRow("alg", "EAFNOSUPPORT")]
    [DataRow("bluetooth", "EAFNOSUPPORT")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SocketFamily_IsRefused(string kind, string error)
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.PolicyViolation, 3, await host.RunPuppetAsync($"socket {kind}", Token), DiagnosticTable.ProcessViolation);
        AssertRefused(host.Said("socket"), error);
    }

    [TestMethod]
    [TestProperty("Case", "N13")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task EmptyAllowlist_NothingPassesAndFailsFast()
    {
        using SandboxHost host = new();
        AssertVerdict(
            Verdict.PolicyViolation,
            3,
            await host.RunPuppetAsync("tcp 1.1.1.1 443 -- interfaces -- listen 8080 -- socket netlink", Token),
            DiagnosticTable.NetworkViolation
        );
        Assert.AreEqual("1.1.1.1", Assert.ContainsSingle(host.Events.OfType<ViolationNetwork>()).Host);
        JsonElement refused = host.Said("tcp");
        AssertRefused(refused, "ECONNREFUSED");
        Assert.IsLessThan(1000, refused.GetProperty("milliseconds").GetInt32());
        Assert.AreEqual("lo", Assert.ContainsSingle(host.Said("interfaces").GetProperty("names").EnumerateArray()).GetString());
        Assert.AreEqual("hello", host.Said("listen").GetProperty("received").GetString());
        Assert.IsTrue(host.Said("socket").GetProperty("ok").GetBoolean());
    }

    [TestMethod]
    [TestProperty("Case", "E5")]
    [TestProperty("Case", "E7")]
    [TestProperty("Case", "E8")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Supervisor_CannotBeReadWrittenOrKilled()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync("proc1", Token);
        // A kill of everybody spares who calls it; that the run goes on to its end shows that it spared the supervisor too.
        Assert.AreEqual(Verdict.PolicyViolation, result.Verdict);
        string[] allowed = ["cmdline"];
        foreach (JsonProperty tried in host.Said("proc1").GetProperty("results").EnumerateObject())
        {
            Assert.AreEqual(allowed.Contains(tried.Name), tried.Value.GetProperty("ok").GetBoolean(), $"{tried.Name}: {tried.Value}");
        }
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Files_OutsideOutputAndTemporary_AreReadOnly()
    {
        using SandboxHost host = new();
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "input.txt"), "input", Token);
        AgentRunResult result = await host.RunPuppetAsync(
            "write /workspace/new -- read /workspace/input.txt -- append /workspace/input.txt -- unlink /agent/puppet.py -- write /etc/new -- write /.isolated-agents/supervisor -- write /tmp/fine -- write /output/fine",
            Token
        );
        CollectionAssert.AreEquivalent(
            new[] { "/workspace/new", "/workspace/input.txt", "/agent/puppet.py", "/etc/new", "/.isolated-agents/supervisor" },
            result.Violations.Select(violation => violation.Subject).ToArray()
        );
        string[] said =
        [
            .. host.Lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("ok").GetBoolean() ? "ok" : "refused"),
        ];
        CollectionAssert.AreEqual(
            new[] { "refused", "ok", "refused", "refused", "refused", "refused", "ok", "ok" },
            said,
            string.Join('\n', host.Lines)
        );
        Assert.AreEqual("input", await File.ReadAllTextAsync(Path.Combine(host.Workspace, "input.txt"), Token));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Workspace_None_IsNotThere()
    {
        using SandboxHost host = new();
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "input.txt"), "input", Token);
        AssertVerdict(
            Verdict.Passed,
            0,
            await host.RunPuppetAsync("read /workspace/input.txt -- cwd", Token, ("filesystem.workspace", "none"))
        );
        AssertRefused(host.Said("read"), "ENOENT");
        Assert.AreEqual("/tmp", host.Said("cwd").GetProperty("path").GetString());
    }

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task WritableMountBelowTheWorkspace_FailsClosed()
    {
        using SandboxHost host = new() { Delivery = DeliveryKind.Mount };
        string below = Directory.CreateDirectory(Path.Combine(host.Workspace, "cache")).FullName;
        using SmallDisk mounted = await SmallDisk.MountAsync(below, "1m", Token);
        AgentRunResult result = await host.RunPuppetAsync("write /workspace/cache/new", Token);
        AssertVerdict(Verdict.EngineError, 6, result, "IA2004");
        Assert.Contains("'/workspace/cache'", result.Diagnostics[0].Message);
        Assert.IsEmpty(host.Lines);
    }

    private static void AssertRefused(JsonElement said, string error)
    {
        Assert.IsFalse(said.GetProperty("ok").GetBoolean(), said.ToString());
        Assert.AreEqual(error, said.GetProperty("error").GetString(), said.ToString());
    }
}
