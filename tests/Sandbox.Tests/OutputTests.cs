using System.Security.Cryptography;
using System.Text;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>What an agent may leave in its output folder, and what of it reaches the host.</summary>
[TestClass]
public sealed class OutputTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "F1")]
    [TestProperty("Case", "F2")]
    [DataRow("symlink=link:/etc/shadow")]
    [DataRow("symlink=link:../../etc")]
    [DataRow("symlink=link:real file=real")]
    [DataRow("fifo=link")]
    [DataRow("socket=link")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task LinkOrSpecialFile_IsAViolationAndNotFollowed(string entry)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync($"output {entry} file=good:10", Token);
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.OutputViolation);
        Assert.AreEqual("link", Assert.ContainsSingle(result.Violations).Subject);
        Assert.IsFalse(Path.Exists(Path.Combine(host.Output, "link")));
        Assert.AreEqual(10, new FileInfo(Path.Combine(host.Output, "good")).Length);
    }

    [TestMethod]
    [TestProperty("Case", "F2")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task HardLinkSetuidAndNoPermissions_AreStripped()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync("output file=a:7 hardlink=b:a setuid=s file=locked:3 mode=locked:0", Token);
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEqual(new[] { "a", "b", "locked", "s" }, result.Artifacts.Select(artifact => artifact.Name).ToArray());
        Assert.AreEqual(7, new FileInfo(Path.Combine(host.Output, "b")).Length);
        UnixFileMode mode = File.GetUnixFileMode(Path.Combine(host.Output, "s"));
        Assert.IsFalse(mode.HasFlag(UnixFileMode.SetUser));
        Assert.IsTrue(mode.HasFlag(UnixFileMode.UserExecute));
    }

    [TestMethod]
    [TestProperty("Case", "F3")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task OddNames_AreCollectedAsTheyAre()
    {
        string[] names = ["-rf", "CON", "case", "CASE", "with space", "bidi-\u202Etxt", new string('n', 255), "ünïcode/‎deep"];
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync(
            "output " + string.Join(' ', names.Select(name => $"hex={Convert.ToHexString(Encoding.UTF8.GetBytes(name))}:4")),
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEquivalent(names, result.Artifacts.Select(artifact => artifact.Name).ToArray());
        foreach (string name in names)
        {
            Assert.AreEqual(4, new FileInfo(Path.Combine(host.Output, name)).Length, name);
        }
    }

    [TestMethod]
    [TestProperty("Case", "F3")]
    [DataRow("6E65770A6C696E65", DisplayName = "a line break")]
    [DataRow("FFFE41", DisplayName = "invalid UTF-8")]
    [DataRow("1B5B33316D", DisplayName = "an escape sequence")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task NamesThatNoHostShouldHold_AreRefused(string hex)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync($"output hex={hex}:4 file=good", Token);
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.OutputViolation);
        Assert.AreEqual("good", Assert.ContainsSingle(result.Artifacts).Name);
        string message = result.Diagnostics[0].Message;
        Assert.IsFalse(message.Any(char.IsControl), message);
    }

    [TestMethod]
    [TestProperty("Case", "F4")]
    [DataRow("file=big:3000000")]
    [DataRow("sparse=big:1099511627776")]
    [DataRow("many=200")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task TooMuch_IsRefusedWhole(string entry)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync(
            $"output file=first {entry}",
            Token,
            ("max_output_bytes", "1000000"),
            ("max_output_files", "100")
        );
        AssertVerdict(Verdict.OutputLimitExceeded, 4, result, DiagnosticTable.OutputLimit);
        Assert.IsEmpty(result.Artifacts);
        Assert.IsFalse(Directory.Exists(host.Output));
        Assert.HasCount(1, Directory.GetDirectories(host.Root), string.Join(' ', Directory.GetDirectories(host.Root)));
    }

    [TestMethod]
    [TestProperty("Case", "F4")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task DeepNesting_IsRefusedAndTheRestCollected()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync("output deep=60 file=good", Token);
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.OutputViolation);
        Assert.AreEqual("good", Assert.ContainsSingle(result.Artifacts).Name);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Output_AgentThatNeverStops_IsBoundedWhileItRuns()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            "dd if=/dev/zero of=/output/fill bs=64k || true",
            Token,
            ("max_output_bytes", "1000000")
        );
        AssertVerdict(Verdict.OutputLimitExceeded, 4, result, DiagnosticTable.OutputLimit);
        Assert.Contains(line => line.Contains("No space left", StringComparison.Ordinal), host.Lines);
    }

    // With little memory for the agent, the folder lies in a volume; with more, in memory.
    [TestMethod]
    [DataRow("200000000", "128", "dd if=/dev/zero of=/output/fill bs=1M count=2000", DisplayName = "in a volume")]
    [DataRow("1000000", "512", "dd if=/dev/zero of=/output/fill bs=1M count=2000", DisplayName = "in memory")]
    [DataRow("1000000", "512", "truncate -s 1G /output/sparse", DisplayName = "in memory, sparse")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Output_PastItsLimit_EndsTheAgentWhileItRuns(string limit, string memory, string fill)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync($"{fill}; sleep 600", Token, ("max_output_bytes", limit), ("memory_mb", memory));
        AssertVerdict(Verdict.OutputLimitExceeded, 4, result, DiagnosticTable.OutputLimit);
        Assert.ContainsSingle(result.Diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error));
        Assert.IsGreaterThan(
            Assert.ContainsSingle(host.Events.OfType<OutputLimitExceeded>()).Limit,
            host.Events.OfType<OutputLimitExceeded>().Single().Current
        );
        Assert.IsLessThan(TimeSpan.FromSeconds(30), result.Duration);
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [DataRow("200000000", "128", DisplayName = "in a volume")]
    [DataRow("1000000", "512", DisplayName = "in memory")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Output_MoreFilesThanAllowed_EndsTheAgentAndNamesTheFiles(string limit, string memory)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            "i=0; while [ $i -lt 60 ]; do echo > /output/$i; i=$((i+1)); done; sleep 600",
            Token,
            ("max_output_bytes", limit),
            ("memory_mb", memory),
            ("max_output_files", "50")
        );
        AssertVerdict(Verdict.OutputLimitExceeded, 4, result, DiagnosticTable.OutputLimit);
        Assert.Contains("50 files and folders (max_output_files)", Assert.ContainsSingle(result.Diagnostics).Message);
        Assert.AreEqual(50, Assert.ContainsSingle(host.Events.OfType<OutputLimitExceeded>()).FileLimit);
        Assert.IsLessThan(TimeSpan.FromSeconds(30), result.Duration);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Output_AgentThatFailsAtTheFullFolder_IsOneFinding()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync("dd if=/dev/zero of=/output/fill bs=64k", Token, ("max_output_bytes", "1000000"));
        AssertVerdict(Verdict.OutputLimitExceeded, 4, result, DiagnosticTable.OutputLimit);
        Assert.ContainsSingle(result.Diagnostics);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Output_LimitThatDoesNotCount_LeavesTheAgentsFailure()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            "dd if=/dev/zero of=/output/fill bs=64k",
            Token,
            ("max_output_bytes", "1000000"),
            ("fail_on", "exit_code")
        );
        AssertVerdict(Verdict.AgentFailed, 1, result, DiagnosticTable.AgentExitCode);
        Assert.AreEqual(
            DiagnosticTable.OutputLimit,
            result.Diagnostics.Single(diagnostic => diagnostic.Severity == DiagnosticSeverity.Warning).Code
        );
    }

    [TestMethod]
    [DataRow("200000000", "128", DisplayName = "in a volume")]
    [DataRow("1000000", "512", DisplayName = "in memory")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Output_NearItsLimit_WarnsWhileTheAgentRuns(string limit, string memory)
    {
        using SandboxHost host = new();
        string near = (long.Parse(limit, System.Globalization.CultureInfo.InvariantCulture) / 100 * 95).ToString(
            System.Globalization.CultureInfo.InvariantCulture
        );
        AgentRunResult result = await host.RunAsync(
            $"truncate -s {near} /output/near; sleep 3",
            Token,
            ("max_output_bytes", limit),
            ("memory_mb", memory)
        );
        AssertVerdict(Verdict.Passed, 0, result);
        OutputLimitApproaching warning = Assert.ContainsSingle(host.Events.OfType<OutputLimitApproaching>());
        Assert.IsLessThan(Assert.ContainsSingle(host.Events.OfType<AgentCompleted>()).Sequence, warning.Sequence);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Output_VolumeWithinItsLimit_IsCollected()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            "dd if=/dev/zero of=/output/large bs=1M count=100 2>/dev/null",
            Token,
            ("max_output_bytes", "200000000")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual(100L * 1024 * 1024, new FileInfo(Path.Combine(host.Output, "large")).Length);
        Assert.AreEqual("20492a4d0d84f8beb1767f6616229f85d44c2827b64bdbfb260ee12fa1109e0e", result.Artifacts[0].Sha256);
    }

    // In memory of the agent's own, and in a volume that the engine has on a disk.
    [TestMethod]
    [DataRow("2048", DisplayName = "in memory")]
    [DataRow("256", DisplayName = "in a volume")]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task Output_LargeAndSmallFilesTogether_ArriveByteForByte(string memory)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            "cd /output; head -c 300000001 /dev/urandom > large; mkdir d; i=0; while [ $i -lt 40 ]; do head -c $((i*10000)) /dev/urandom > d/file$i; i=$((i+1)); done; sha256sum large d/*",
            Token,
            ("max_output_bytes", "400000000"),
            ("memory_mb", memory),
            ("timeout_seconds", "100")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEquivalent(
            host.Lines.ToArray(),
            result.Artifacts.Select(artifact => $"{artifact.Sha256}  {artifact.Name}").ToArray()
        );
        Assert.HasCount(41, result.Artifacts);
        foreach (Artifact artifact in result.Artifacts)
        {
            await using FileStream file = File.OpenRead(Path.Combine(host.Output, artifact.Name));
            Assert.AreEqual(artifact.Sha256, Convert.ToHexStringLower(await SHA256.HashDataAsync(file, Token)), artifact.Name);
        }
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Output_NearItsLimit_Warns()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunPuppetAsync("output file=near:950000", Token, ("max_output_bytes", "1000000"));
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual(50_000, Assert.ContainsSingle(host.Events.OfType<OutputLimitApproaching>()).Remaining);
        Assert.AreEqual(DiagnosticTable.OutputLimit, Assert.ContainsSingle(result.Diagnostics).Code);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Output_OfTheRunBefore_IsReplacedWhole()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("echo 1 > /output/old; echo 1 > /output/both", Token));
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("echo 2 > /output/both", Token));
        Assert.IsFalse(File.Exists(Path.Combine(host.Output, "old")));
        Assert.AreEqual("2\n", await File.ReadAllTextAsync(Path.Combine(host.Output, "both"), Token));
        Assert.HasCount(2, Directory.GetDirectories(host.Root), "the workspace and the outputs, and nothing partial");
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Output_ExpectedViolation_IsToldAndPasses()
    {
        using SandboxHost host = new();
        string policy = Path.Combine(host.Root, "policy.json");
        await File.WriteAllTextAsync(
            policy,
            """
            { "expected_violations": [ { "kind": "output", "match": "cache/*", "reason": "the tool leaves a link" }, { "kind": "output", "match": "never", "reason": "a leftover" } ] }
            """,
            Token
        );
        AgentRunRequest request = host.Request("mkdir /output/cache; ln -s / /output/cache/link") with { PolicyFile = policy };
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.IsTrue(Assert.ContainsSingle(host.Events.OfType<ViolationOutput>()).Expected);
        Assert.Contains("'never'", Assert.ContainsSingle(result.Diagnostics).Message);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Stamp_NothingChanged_IsSkippedUntilSomethingDoes()
    {
        using SandboxHost host = new();
        string input = Path.Combine(host.Workspace, "input.txt");
        await File.WriteAllTextAsync(input, "1", Token);
        AgentRunRequest request = host.Request("cp /workspace/input.txt /output/copy") with
        {
            StampFile = Path.Combine(host.Root, "stamp.json"),
            Inputs = [input],
        };
        Assert.IsFalse((await host.RunAsync(request, Token)).Skipped);
        AgentRunResult second = await host.RunAsync(request, Token);
        Assert.IsTrue(second.Skipped);
        Assert.AreEqual("copy", Assert.ContainsSingle(second.Artifacts).Name);
        await File.WriteAllTextAsync(input, "2", Token);
        Assert.IsFalse((await host.RunAsync(request, Token)).Skipped);
        Assert.AreEqual("2", await File.ReadAllTextAsync(Path.Combine(host.Output, "copy"), Token));
        File.Delete(Path.Combine(host.Output, "copy"));
        Assert.IsFalse((await host.RunAsync(request, Token)).Skipped);
    }
}
