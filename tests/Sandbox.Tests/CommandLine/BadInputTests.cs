using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary>What cannot be right is told in one line, before anything is made.</summary>
[TestClass]
public sealed class BadInputTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "E9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("policy.json(1,16): error IA1001: ", "'memory_mb'", "{ \"memory_mb\": \"much\" }")]
    [DataRow("policy.json(2,3): error IA1001: ", "'memory_mb'", "{\n  \"memory_md\": 64 }")]
    [DataRow("policy.json(1,21): error IA1001: ", "'timeout_seconds'", "{\"timeout_seconds\": 0 }")]
    [DataRow("policy.json(2,1): error IA1001: ", "", "{\n")]
    [DataRow("policy.json(1,1): error IA1001: ", "", "[]")]
    [DataRow("policy.json(1,1): error IA1001: ", "'{}'", "")]
    [DataRow("policy.json(1,23): error IA1001: ", "/var/run/docker.sock", "{ \"readonly_mounts\": [\"/var/run/docker.sock:/d\"] }")]
    [DataRow("policy.json(1,23): error IA1001: ", "/run/podman/podman.sock", "{ \"readonly_mounts\": [\"/run/podman/podman.sock:/d\"] }")]
    [DataRow("policy.json(1,23): error IA1001: ", "/run/podman", "{ \"readonly_mounts\": [\"/run/podman:/d\"] }")]
    [DataRow("policy.json(1,23): error IA1001: ", "whole host", "{ \"readonly_mounts\": [\"/:/host\"] }")]
    [DataRow("policy.json(1,23): error IA1001: ", "'/proc'", "{ \"readonly_mounts\": [\"/proc/self/root:/host\"] }")]
    [DataRow("policy.json(1,23): error IA1001: ", "/proc", "{ \"readonly_mounts\": [\"/proc:/host\"] }")]
    [DataRow("policy.json(1,23): error IA1001: ", "/var/run", "{ \"readonly_mounts\": [\"/var/run:/host\"] }")]
    [DataRow("policy.json(1,23): error IA1001: ", "/etc/shadow", "{ \"readonly_mounts\": [\"/etc/shadow:/s\"] }")]
    [DataRow("policy.json(1,23): error IA1001: ", ".ssh", "{ \"readonly_mounts\": [\"~/.ssh:/keys\"] }")]
    [DataRow("policy.json(1,23): error IA1001: ", "..", "{ \"readonly_mounts\": [\"/usr/../:/host\"] }")]
    [DataRow("policy.json(1,3): error IA1001: ", "'privileged'", "{ \"privileged\": true }")]
    [DataRow("policy.json(1,3): error IA1001: ", "'cap_add'", "{ \"cap_add\": [\"SYS_ADMIN\"] }")]
    [DataRow("policy.json(1,3): error IA1001: ", "'security_opt'", "{ \"security_opt\": [\"seccomp=unconfined\"] }")]
    [DataRow("policy.json(1,3): error IA1001: ", "'pid_mode'", "{ \"pid_mode\": \"host\" }")]
    [DataRow("policy.json(1,3): error IA1001: ", "'network_mode'", "{ \"network_mode\": \"host\" }")]
    [DataRow("policy.json(1,3): error IA1001: ", "'devices'", "{ \"devices\": [\"/dev/kvm\"] }")]
    [DataRow("policy.json(1,14): error IA1001: ", "'$type'", "{\"network\": {\"$type\": \"System.Diagnostics.Process, System\" } }")]
    public async Task Policy_IsRefusedAtItsPlace(string start, string about, string policy)
    {
        using CommandLineHost host = new() { Environment = { ["HOME"] = "/root" } };
        host.Write("policy.json", policy);
        CommandLineResult result = await RunAsync(host, "IA1001", "--command", "true", "--policy", "policy.json");
        Assert.StartsWith(start, result.Error);
        Assert.Contains(about, result.Error);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("IA1003", "Nothing to run: write the agent's file or folder, or '--command TEXT'.")]
    [DataRow("IA1003", "The agent 'agent.py' and '--command' exclude each other; keep one of them.", "agent.py", "--command", "true")]
    [DataRow("IA1002", "The agent 'nowhere.py' was not found at '{root}/nowhere.py'. Name an existing file or folder.", "nowhere.py")]
    [DataRow(
        "IA1002",
        "The agent folder 'empty' has no entry file. Expected one of agent.py, main.py, __main__.py, agent.mjs, agent.js, index.mjs, index.js, agent.sh, main.sh, agent.cs, agent; or name the file itself.",
        "empty"
    )]
    [DataRow("IA1002", "The agent folder 'two' has more than one entry file: agent.py, main.py. Name the file itself.", "two")]
    [DataRow(
        "IA1002",
        "How to run the agent 'agent.rb' is not known: its extension is none of .cjs, .cs, .js, .mjs, .py, .sh, it has no first line such as '#!/bin/sh', and it is not executable for everyone. Give it such a line, make it executable ('chmod a+x'), or use a command.",
        "agent.rb"
    )]
    [DataRow(
        "IA1003",
        "The working directory '{root}/nowhere' does not exist. Name an existing folder.",
        "agent.py",
        "--working-directory",
        "nowhere"
    )]
    [DataRow(
        "IA1003",
        "The working directory '/' is the root of a file system, which is never shown to an agent. Name a folder below it.",
        "agent.py",
        "--working-directory",
        "/"
    )]
    [DataRow(
        "IA1003",
        "The output directory '{root}/full' holds 'mine.txt', which no run has put there. Name an empty or new folder; one that an earlier run filled is replaced.",
        "agent.py",
        "--output-directory",
        "full"
    )]
    [DataRow("IA1003", "The output directory '{root}/agent.py' is a file. Name a folder.", "agent.py", "--output-directory", "agent.py")]
    [DataRow(
        "IA1003",
        "The output directory '{root}/agent.py/deep/out' cannot be made: '{root}/agent.py' is a file. Name a folder whose parents are folders.",
        "agent.py",
        "--output-directory",
        "agent.py/deep/out"
    )]
    [DataRow(
        "IA1003",
        "The output directory '/proc/out' cannot be written: no file can be made in '/proc'. Name a folder that this user may create files in.",
        "agent.py",
        "--output-directory",
        "/proc/out"
    )]
    [DataRow(
        "IA1003",
        "The value of the sensitive variable 'SHORT' has fewer than 4 characters and cannot be masked. Use a longer one, or list it in allowed_env_vars if it is no secret.",
        "agent.py",
        "--sensitive-env-var",
        "SHORT"
    )]
    [DataRow("IA1003", "'--engine' must be 'auto', 'docker' or 'podman', but is 'lxc'.", "agent.py", "--engine", "lxc")]
    [DataRow("IA1003", "Unknown option '--memory-md'; did you mean '--memory-mb'.", "agent.py", "--memory-md", "64")]
    [DataRow(
        "IA1003",
        "Unknown option '--privileged'; '--help' lists the options, and the agent's own go behind '--'.",
        "agent.py",
        "--privileged"
    )]
    [DataRow("IA1003", "Unexpected argument 'more'; write the agent's own arguments behind '--'.", "agent.py", "more")]
    public async Task Run_Input_IsToldInOneLine(string code, string message, params string[] arguments)
    {
        using CommandLineHost host = new() { Environment = { ["SHORT"] = "abc" } };
        host.Write("agent.py", "print('never')\n");
        host.Write("agent.rb", "puts 'never'\n");
        Directory.CreateDirectory(Path.Combine(host.Root, "empty"));
        host.Write("two/agent.py", "");
        host.Write("two/main.py", "");
        host.Write("full/mine.txt", "mine");
        CommandLineResult result = await RunAsync(host, code, arguments);
        Assert.AreEqual($"error {code}: {message.Replace("{root}", host.Root, StringComparison.Ordinal)}\n", result.Error);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_PolicyFileIsMissing_IsToldInOneLine()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await RunAsync(host, "IA1001", "--command", "true", "--policy", "nowhere.json");
        Assert.AreEqual(
            $"nowhere.json: error IA1001: The policy file 'nowhere.json' does not exist; correct the path, which starts from '{host.Root}' where it is relative.\n",
            result.Error
        );
    }

    [TestMethod]
    [TestProperty("Case", "E9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("/proc")]
    [DataRow("/run")]
    [DataRow("/var/run")]
    [DataRow("/etc")]
    [DataRow("/run/podman")]
    [DataRow("/dev/shm")]
    public async Task WorkingDirectoryThatNoMountMayName_IsRefused(string folder)
    {
        if (!Directory.Exists(folder))
        {
            Assert.Inconclusive($"There is no '{folder}' here.");
        }

        using CommandLineHost host = new();
        CommandLineResult result = await RunAsync(host, "IA1003", "--command", "true", "--working-directory", folder);
        Assert.StartsWith($"error IA1003: The working directory '{folder}' ", result.Error);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_ReportDirectoryUnderAFile_IsToldInOneLine()
    {
        using CommandLineHost host = new();
        host.Write("file", "");
        CommandLineResult result = await RunAsync(host, "IA1003", "--command", "true", "--report-directory", "file/report");
        Assert.StartsWith($"error IA1003: The report directory '{host.Root}/file/report' cannot be written: ", result.Error);
    }

    // One error line, exit code 2, nothing on standard output, no folder, no container.
    private async Task<CommandLineResult> RunAsync(CommandLineHost host, string code, params string[] arguments)
    {
        string[] before = Directory.GetFileSystemEntries(host.Root, "*", SearchOption.AllDirectories);
        string[] output = arguments.Contains("--output-directory") ? [] : ["--output-directory", "made"];
        CommandLineResult result = await host.Start(["run", .. arguments, .. output]).EndAsync(Token);
        result.AssertEnd(2, code);
        Assert.ContainsSingle(result.ErrorLines);
        Assert.AreEqual("", result.Output);
        CollectionAssert.AreEquivalent(before, Directory.GetFileSystemEntries(host.Root, "*", SearchOption.AllDirectories));
        Assert.AreEqual("", await EngineCli.Docker.ContainersOfAsync(result.ProcessId, Token));
        return result;
    }
}
