using System.Globalization;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>What ordinary programs take for granted, and what a person is told where they cannot have it.</summary>
[TestClass]
public sealed class EverydayTests
{
    private const int Minute = 60_000;

    // The kernel's bound on one argument or variable, the zero at its end included.
    private const int ArgumentBound = 131_072;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ImageWithoutPath_ProgramsAreFoundByEverybody()
    {
        using SandboxHost host = new();
        string image = await DockerCli.ImportWithoutSettingsAsync(SandboxHost.BusyboxImage, Token);
        try
        {
            // env asks the environment alone, where a shell would fall back to a path of its own.
            AssertVerdict(Verdict.Passed, 0, await host.RunAsync(host.Request("env | grep ^PATH=; env sh -c 'echo found'", image), Token));
            CollectionAssert.AreEqual(
                new[] { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "found" },
                host.Lines.ToArray()
            );
        }
        finally
        {
            await DockerCli.RemoveImageAsync(image);
        }
    }

    [TestMethod]
    [DataRow("512", null, 64)]
    [DataRow("1024", null, 128)]
    [DataRow("128", "7", 7)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SharedMemory_HasItsSize(string memory, string? size, int mebibytes)
    {
        using SandboxHost host = new();
        (string, string)[] policy = size is null ? [("memory_mb", memory)] : [("memory_mb", memory), ("shm_mb", size)];
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("df -m /dev/shm | awk 'NR == 2 { print $2 }'", Token, policy));
        CollectionAssert.AreEqual(new[] { mebibytes.ToString(CultureInfo.InvariantCulture) }, host.Lines.ToArray());
    }

    [TestMethod]
    [DataRow("os.kill(os.getpid(), signal.SIGBUS)", DisplayName = "the agent itself")]
    [DataRow("sys.exit(135)", DisplayName = "a child of a shell")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task BusError_NamesTheKeyOfSharedMemory(string end)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync($"import os, signal, sys\n{end}\n", Token, ("shm_mb", "9"));
        Assert.Contains("/dev/shm has 9 MiB (shm_mb)", result.Diagnostics[0].Message);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task TemporaryFolders_CanBeWrittenAndAreEmpty()
    {
        using SandboxHost host = new();
        AssertVerdict(
            Verdict.Passed,
            0,
            await host.RunAsync(
                host.Request(
                    "ls -A /tmp /var/tmp | grep -v :; mktemp -p /var/tmp >/dev/null && mktemp >/dev/null && echo made",
                    SandboxHost.PythonImage
                ),
                Token
            )
        );
        CollectionAssert.AreEqual(new[] { "made" }, host.Lines.Where(line => line.Length > 0).ToArray());
        Assert.IsEmpty(host.Events.OfType<Events.ViolationFilesystem>());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ArgumentOrVariable_AtTheKernelsBound_PassesAndBeyondIsNamed()
    {
        using SandboxHost host = new();
        AgentRunRequest request = host.Request("echo ${#1}; echo ${#LONG}") with { Arguments = [new string('a', ArgumentBound - 1)] };
        host.Environment["LONG"] = new string('v', ArgumentBound - 1 - "LONG=".Length);
        request = request with { HostEnvironment = host.Request("").HostEnvironment, Environment = ["LONG"] };
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync(request, Token));
        CollectionAssert.AreEqual(new[] { "131071", "131066" }, host.Lines.ToArray());

        AgentRunResult tooLong = await host.RunAsync(request with { Arguments = [new string('ä', ArgumentBound / 2)] }, Token);
        AssertVerdict(Verdict.ConfigurationError, 2, tooLong, DiagnosticTable.Parameters);
        Assert.StartsWith(
            "Argument 4 of the agent has 131072 bytes, and Linux gives a program at most 131071",
            tooLong.Diagnostics[0].Message
        );

        host.Environment["LONG"] += "v";
        AgentRunResult variable = await host.RunAsync(request with { HostEnvironment = host.Request("").HostEnvironment }, Token);
        AssertVerdict(Verdict.ConfigurationError, 2, variable, DiagnosticTable.Parameters);
        Assert.StartsWith("The variable 'LONG' has 131072 bytes", variable.Diagnostics[0].Message);

        AgentRunResult command = await host.RunAsync(new string('#', ArgumentBound), Token);
        Assert.StartsWith("The command has 131072 bytes", command.Diagnostics[0].Message);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AgentThatFails_IsReportedWithItsLastLines()
    {
        using SandboxHost host = new();
        host.Environment["TOKEN"] = "s3cr3t-7f91c2d8";
        AgentRunRequest request = host.Request(
            "seq 100; echo; echo \"cannot open $TOKEN\" >&2; printf 'x.cs(1,1): error CS0001: fake'; exit 5",
            SandboxHost.BusyboxImage,
            ("sensitive_env_vars", "TOKEN")
        );
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.AgentFailed, 1, result, DiagnosticTable.AgentExitCode);
        string message = result.Diagnostics[0].Message;
        Assert.StartsWith("The agent ended with exit code 5. It wrote last: ", message);
        Assert.Contains("'100'", message);
        Assert.Contains("'cannot open ***'", message);
        Assert.Contains("'x.cs(1,1): \\error CS0001: fake'", message);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task VariablesThatTheHostLacks_AreWarningsAtTheirLines()
    {
        using SandboxHost host = new();
        host.Environment["HERE"] = "a value";
        host.Environment["EMPTY"] = "";
        await File.WriteAllTextAsync(
            Path.Combine(host.Root, "policy.json"),
            """
            {
              "allowed_env_vars": ["HERE",
                "GONE"],
              "sensitive_env_vars": [
                "EMPTY"
              ]
            }
            """,
            Token
        );
        AgentRunResult result = await host.RunAsync(host.Request("true") with { PolicyFile = "policy.json" }, Token);
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEqual(
            new[] { "IA1001 Warning 3:5 GONE", "IA1001 Warning 5:5 EMPTY" },
            result
                .Diagnostics.Select(warning =>
                    $"{warning.Code} {warning.Severity} {warning.Line}:{warning.Column} {warning.Message.Split('\'')[3]}"
                )
                .ToArray()
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AuthoritiesOfThePolicysOwnBesideInspection_AreAWarning()
    {
        using SandboxHost host = new();
        await File.WriteAllTextAsync(
            Path.Combine(host.Root, "policy.json"),
            """
            {
              "network": { "allowed_endpoints": ["api.example.com:443"], "inspect": [{ "endpoint": "api.example.com:443" }] },
              "env_vars": { "SSL_CERT_FILE": "/etc/ssl/own.pem" }
            }
            """,
            Token
        );
        AgentRunResult result = await host.RunAsync(host.Request("true") with { PolicyFile = "policy.json" }, Token);
        AssertVerdict(Verdict.Passed, 0, result);
        Diagnostic warning = Assert.ContainsSingle(result.Diagnostics);
        Assert.AreEqual((3, 17), (warning.Line, warning.Column));
        Assert.StartsWith("The policy sets 'SSL_CERT_FILE' and inspects endpoints", warning.Message);
    }

    [TestMethod]
    [DataRow("pip_packages", "requests")]
    [DataRow("filesystem.allowed_read_paths", "/.isolated-agents")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task KeyThatThisVersionCannotHonour_IsAConfigurationErrorAndNothingRuns(string key, string value)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync("true", Token, (key, value));
        AssertVerdict(Verdict.ConfigurationError, 2, result, DiagnosticTable.Policy);
        Assert.IsEmpty(host.Events);
    }
}
