using System.Diagnostics;
using System.Text.RegularExpressions;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Probes;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.EverydayWork;

/// <summary>
/// An honest agent that uses ordinary tools passes under the default policy, and what stands beside their probes does not.
/// </summary>
[TestClass]
public sealed partial class EverydayWorkTests
{
    private const int Minute = 60_000;

    // Runs each line "NAME|COMMAND" of the file that it is given, and says how it ended.
    private const string Runner = """
        while IFS='|' read -r name command; do
          case $name in '#'* | '') continue ;; esac
          ( cd /workspace && timeout 60 sh -c "$command" ) >"/tmp/log" 2>&1 </dev/null
          code=$?
          [ $code -eq 0 ] || { echo "FAILED $name ($code):"; tail -n 5 /tmp/log; }
          echo "done $name"
        done </agent/commands.txt
        """;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "EverydayWork");

    [TestMethod]
    [DataRow("read")]
    [DataRow("write")]
    [Timeout(5 * Minute, CooperativeCancellation = true)]
    public async Task EveryCommand_EndsWellAndIsRefusedNothingThatCounts(string workspace)
    {
        using SandboxHost host = new();
        await MakeRepositoryAsync(host.Workspace);
        string agent = Directory.CreateDirectory(Path.Combine(host.Root, "agent")).FullName;
        await File.WriteAllTextAsync(Path.Combine(agent, "agent.sh"), Runner, Token);
        File.Copy(Path.Combine(Folder, "commands.txt"), Path.Combine(agent, "commands.txt"));
        AgentRunRequest request = host.Request(
            "",
            SandboxHost.ToolsImage,
            ("filesystem.workspace", workspace),
            ("memory_mb", "1024"),
            ("pids_limit", "256"),
            ("cpu_cores", "2"),
            ("timeout_seconds", "280")
        ) with
        {
            Command = null,
            Agent = agent,
        };
        AgentRunResult result = await host.RunAsync(request, Token);
        Assert.IsEmpty(
            host.Lines.Where(line => !line.StartsWith("done ", StringComparison.Ordinal)),
            string.Join('\n', host.Lines.Where(line => !line.StartsWith("done ", StringComparison.Ordinal)))
        );
        Assert.IsEmpty(
            result.Violations,
            string.Join('\n', result.Violations.Select(violation => $"{violation.Subject}: {violation.Reason}"))
        );
        AssertVerdict(Verdict.Passed, 0, result);
        int wanted = (await File.ReadAllLinesAsync(Path.Combine(Folder, "commands.txt"), Token)).Count(line =>
            line.Length > 0 && line[0] != '#'
        );
        Assert.AreEqual(wanted, host.Lines.Count);
    }

    // The SDK looks whether it may write to its own folder, which is mounted read-only.
    [TestMethod]
    [Timeout(3 * Minute, CooperativeCancellation = true)]
    public async Task DotnetBuild_WithTheSdkMounted_Passes()
    {
        using SandboxHost host = new();
        string sdk = Path.GetDirectoryName(Environment.ProcessPath)!;
        Assert.IsTrue(Directory.Exists(Path.Combine(sdk, "sdk")), $"the tests are run by the SDK's own dotnet, and '{sdk}' has none");
        await File.WriteAllTextAsync(
            Path.Combine(host.Workspace, "a.csproj"),
            "<Project Sdk=\"Microsoft.NET.Sdk\"><PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework></PropertyGroup></Project>",
            Token
        );
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "a.cs"), "System.Console.WriteLine(\"built\");", Token);
        AgentRunRequest request = host.Request(
            "cp -r . /tmp/b && cd /tmp/b && /opt/dotnet/dotnet build -nologo -v q && /opt/dotnet/dotnet bin/Debug/net10.0/a.dll",
            SandboxHost.PythonImage,
            ("readonly_mounts", $"{sdk}:/opt/dotnet"),
            ("memory_mb", "2048"),
            ("pids_limit", "256"),
            ("cpu_cores", "2"),
            ("timeout_seconds", "150"),
            ("env_vars", "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1|DOTNET_NOLOGO=1|DOTNET_CLI_TELEMETRY_OPTOUT=1")
        );
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.Contains("built", host.Lines);
    }

    // Each entry of the list, by the call that it is about: expected, at DEBUG, and named; and in a strict policy a violation.
    [TestMethod]
    [DataRow("cat /proc/1/environ", "process-list")]
    [DataRow("cat /proc/1/task/1/stat", "process-list")]
    [DataRow("mkdir /workspace/a/.pytest_cache", "test-caches")]
    [DataRow("mkdir /workspace/.mypy_cache", "test-caches")]
    [DataRow("set -C; : >/workspace/.git/index.lock", "git-index-lock")]
    [DataRow("set -C; : >/workspace/.x.c.swp", "editor-swap")]
    [DataRow("set -C; : >/usr/share/dotnet/metadata/1ab2cd3e.x4z", "dotnet-sdk-probe")]
    [DataRow("python3 -c 'import socket; socket.socket(16, 3, 4)'", "socket-list")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Probe_IsExpectedAndNamed_AndAViolationUnderAStrictPolicy(string command, string name)
    {
        using SandboxHost host = new();
        Directory.CreateDirectory(Path.Combine(host.Workspace, ".git"));
        Directory.CreateDirectory(Path.Combine(host.Workspace, "a"));
        AgentRunRequest request = host.Request($"({command}); true", SandboxHost.PythonImage);
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync(request, Token));
        TelemetryEvent told = host.Events.Single(raised => raised is ViolationFilesystem or ViolationProcess);
        Assert.AreEqual(TelemetryLevel.Debug, told.Level);
        Assert.AreEqual(
            $"builtin:{name}@{ExpectedProbes.Version}",
            (told as ViolationFilesystem)?.ExpectedBy ?? (told as ViolationProcess)!.ExpectedBy
        );

        using SandboxHost strict = new();
        Directory.CreateDirectory(Path.Combine(strict.Workspace, ".git"));
        Directory.CreateDirectory(Path.Combine(strict.Workspace, "a"));
        AgentRunResult result = await strict.RunAsync(
            strict.Request($"({command}); true", SandboxHost.PythonImage, ("strict", "true")),
            Token
        );
        Assert.AreEqual(Verdict.PolicyViolation, result.Verdict);
    }

    // What is like an entry of the list and none: another operation, another name, one step beside.
    [TestMethod]
    [DataRow("cat /proc/1/mem")]
    [DataRow("cat /proc/1/task/1/mem")]
    [DataRow("cat /proc/1/task/1/environ")]
    [DataRow(": >/proc/1/environ")]
    [DataRow("cat /proc/kallsyms")]
    [DataRow("cat /sys/class/dmi/id/product_name /sys/firmware/memmap/0/start /sys/kernel/notes")]
    [DataRow("mkdir /workspace/.pytest_cache2")]
    [DataRow("mkdir /workspace/pytest_cache")]
    [DataRow("mkdir /usr/.pytest_cache")]
    [DataRow("ln -s /etc /workspace/.mypy_cache")]
    [DataRow(": >/workspace/.git/index.lock")]
    [DataRow("mkdir /workspace/.git/index.lock")]
    [DataRow("set -C; : >/workspace/.git/index.lock2")]
    [DataRow("set -C; : >/workspace/.git/HEAD.lock")]
    [DataRow("set -C; : >/workspace/.git/hooks/pre-commit")]
    [DataRow("set -C; : >/workspace/index.lock")]
    [DataRow("set -C; : >/workspace/x.swp")]
    [DataRow("set -C; : >/workspace/.git/.x/y.swp.sh")]
    [DataRow("set -C; : >/usr/share/dotnet/metadata/workloads.dll")]
    [DataRow("set -C; : >/usr/share/dotnet/metadata/x/1ab2cd3e.x4z")]
    [DataRow("set -C; : >/usr/share/metadata/1ab2cd3e.x4z")]
    [DataRow("python3 -c 'import socket; socket.socket(16, 3, 9)'")]
    [DataRow("python3 -c 'import socket; socket.socket(38, 5, 0)'")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task NeighbourOfAProbe_IsAViolation(string command)
    {
        using SandboxHost host = new();
        Directory.CreateDirectory(Path.Combine(host.Workspace, ".git", "hooks"));
        Directory.CreateDirectory(Path.Combine(host.Workspace, ".git", ".x"));
        AgentRunResult result = await host.RunAsync(host.Request($"({command}); true", SandboxHost.PythonImage), Token);
        Assert.AreEqual(Verdict.PolicyViolation, result.Verdict, string.Join('\n', host.Lines));
        Assert.DoesNotContain(
            raised => raised is ViolationFilesystem { Expected: true } or ViolationProcess { Expected: true },
            host.Events
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task PathThatThePolicyProtects_IsNeverExpected()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            "mkdir .pytest_cache; true",
            Token,
            ("filesystem.workspace", "write"),
            ("filesystem.protected_paths", ".pytest_cache")
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task MoreProbesThanAProgramNeeds_AreViolations()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync(
            "i=0; while [ $i -lt 103 ]; do mkdir /workspace/.pytest_cache/$i; i=$((i+1)); done; true",
            Token
        );
        Assert.AreEqual(Verdict.PolicyViolation, result.Verdict);
        Assert.HasCount(103 - ExpectedProbes.MaxPerRun, result.Violations);
    }

    // Paths that are one text once they are decoded are still different ones.
    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task MoreProbesOfNamesThatAreNoText_AreViolations()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            """
            import os
            for first in range(0x80, 0xff):
                try:
                    os.open(b"/workspace/." + bytes([first, 0x80]) + b".swp", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                except OSError:
                    pass
            """,
            Token
        );
        Assert.AreEqual(Verdict.PolicyViolation, result.Verdict);
    }

    // The list explains a look at the supervisor's environment, since there is nothing in it.
    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SupervisorsEnvironment_IsEmpty()
    {
        using SandboxHost host = new();
        host.Environment["API_TOKEN"] = "s3cr3t-7f91c2d8";
        Task<AgentRunResult> running = host.RunAsync(
            host.Request("echo begun; sleep 20", SandboxHost.BusyboxImage, ("sensitive_env_vars", "API_TOKEN")),
            Token
        );
        await host.WhenLineAsync("begun");
        string id = await DockerCli.RunAsync(Token, "inspect", "--format", "{{.State.Pid}}", await host.ContainerIdAsync());
        Assert.AreEqual(0, (await File.ReadAllBytesAsync($"/proc/{id}/environ", Token)).Length);
        await DockerCli.RunAsync(Token, "rm", "-f", await host.ContainerIdAsync());
        await running;
    }

    // The page about the policy names every entry, and no other.
    [TestMethod]
    public void Page_HasTheList()
    {
        string page = File.ReadAllText(Path.Combine(RepositoryRoot(), "docs", "policy.md"));
        string section = page[page.IndexOf("<a id=\"expected-probes\">", StringComparison.Ordinal)..] + "\n#";
        string[] named =
        [
            .. EntryName().Matches(section[..section.IndexOf("\n#", StringComparison.Ordinal)]).Select(match => match.Groups[1].Value),
        ];
        CollectionAssert.AreEqual(ExpectedProbes.All.Select(probe => probe.Name).ToArray(), named);
    }

    private static string RepositoryRoot()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "IsolatedAgents.sln")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }

    private async Task MakeRepositoryAsync(string workspace)
    {
        await RunAsync("cp", "-r", Path.Combine(Folder, "workspace") + "/.", workspace);
        await RunAsync("git", "-C", workspace, "init", "-q");
        await RunAsync("git", "-C", workspace, "add", "-A");
        await RunAsync("git", "-C", workspace, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "first");
    }

    private async Task RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        await process.WaitForExitAsync(Token);
        Assert.AreEqual(0, process.ExitCode, program);
    }

    [GeneratedRegex(@"^\| `([a-z-]+)` \|", RegexOptions.Multiline)]
    private static partial Regex EntryName();
}
