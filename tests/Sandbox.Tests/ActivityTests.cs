using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>What an agent does to files and processes is seen, whatever it is written in.</summary>
[TestClass]
public sealed class ActivityTests(TestContext context)
{
    private const int Minute = 60_000;

    private static readonly string[] Expected =
    [
        "deleted /output/gone",
        "read /workspace/data.csv",
        "renamed /output/one /output/two",
        "written /output/folder mkdir",
        "written /output/gone",
        "written /output/link symlink",
        "written /output/one",
        "written /output/two chmod",
    ];

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task StaticShell_WhatItDoes_IsTold()
    {
        const string Script =
            "cat data.csv; echo 1 > /output/one; mv /output/one /output/two; chmod 600 /output/two; mkdir /output/folder; ln -s two /output/link; echo x > /output/gone; rm /output/gone";
        await AssertActivitiesAsync(host => host.RunAsync(Script, Token, ("fail_on", "timeout")));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Python_WhatItDoes_IsTold()
    {
        const string Script = """
            import os
            open("data.csv").read()
            open("/output/one", "w").write("1")
            os.rename("/output/one", "/output/two")
            os.chmod("/output/two", 0o600)
            folder = os.open("/output", os.O_RDONLY | os.O_DIRECTORY)
            os.mkdir("folder", dir_fd=folder)
            os.symlink("two", "link", dir_fd=folder)
            open("/output/gone", "w").close()
            os.unlink("../output/./gone")
            """;
        await AssertActivitiesAsync(host => host.RunScriptAsync(Script, Token, ("fail_on", "timeout")));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Node_WhatItDoes_IsTold()
    {
        const string Script = """
            const fs = require('fs');
            fs.readFileSync('data.csv');
            fs.writeFileSync('/output/one', '1');
            fs.renameSync('/output/one', '/output/two');
            fs.chmodSync('/output/two', 0o600);
            fs.mkdirSync('/output/folder');
            fs.symlinkSync('two', '/output/link');
            fs.writeFileSync('/output/gone', 'x');
            fs.promises.unlink('/output/gone').catch(() => process.exit(1));
            """;
        await AssertActivitiesAsync(async host =>
        {
            string agent = Path.Combine(host.Root, "agent.js");
            await File.WriteAllTextAsync(agent, Script, Token);
            return await host.RunAsync(
                host.Request("", SandboxHost.ClientsImage, ("fail_on", "timeout")) with
                {
                    Command = null,
                    Agent = agent,
                },
                Token
            );
        });
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Process_Started_IsToldWithItsArguments()
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync("/bin/busybox echo 'two words'", Token));
        Assert.Contains("/bin/busybox echo two words", host.Events.OfType<ProcessStarted>().Select(started => started.CommandLine));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Storm_OfOneFile_IsFoldedAndCounted()
    {
        const int Opens = 20_000;
        using SandboxHost host = new();
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "data.csv"), "1", Token);
        AssertVerdict(
            Verdict.Passed,
            0,
            await host.RunScriptAsync($"import os\nfor _ in range({Opens}): os.close(os.open('data.csv', os.O_RDONLY))", Token)
        );
        FileRead[] told = [.. host.Events.OfType<FileRead>().Where(read => read.Path == "/workspace/data.csv")];
        Assert.AreEqual(Opens, told.Sum(read => read.Count));
        Assert.IsLessThan(100, told.Length);
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task Storm_OfManyDeniedFiles_IsBoundedAndLosesNoDenial()
    {
        const int Files = 120_000;
        const int Named = 100_000;
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            $"import os\nfor i in range({Files}):\n  try: os.mkdir(f'/workspace/{{i}}')\n  except PermissionError: pass",
            Token,
            ("timeout_seconds", "90")
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, [.. Enumerable.Repeat(DiagnosticTable.FilesystemViolation, 10)]);
        Assert.Contains(
            diagnostic => diagnostic.Message.StartsWith("At least 9990 more violations", StringComparison.Ordinal),
            result.Diagnostics
        );
        ViolationFilesystem[] told = [.. host.Events.OfType<ViolationFilesystem>()];
        Assert.AreEqual(Files, told.Sum(violation => violation.Count));
        Assert.AreEqual(Files - Named, told.Where(violation => violation.Path == "(further ones)").Sum(violation => violation.Count));
        Assert.IsLessThan(Named + 200, told.Length);
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task Storm_OfADeniedFile_LosesNoDenial()
    {
        const int Opens = 100_000;
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            $"import os\nrefused = 0\nfor _ in range({Opens}):\n  try: os.open('/sys/kernel/uevent_seqnum', os.O_RDONLY)\n  except PermissionError: refused += 1\nprint(refused)",
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        Assert.AreEqual($"{Opens}", host.Lines[^1]);
        Assert.AreEqual(Opens, host.Events.OfType<ViolationFilesystem>().Sum(violation => violation.Count));
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task Storm_OfManyDeniedFiles_LosesNoDenial()
    {
        const int Files = 20_000;
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            $"import os\nfor number in range({Files}):\n  try: os.open(f'/workspace/new-{{number}}', os.O_CREAT | os.O_WRONLY)\n  except PermissionError: pass",
            Token
        );
        Assert.AreEqual(Verdict.PolicyViolation, result.Verdict);
        Assert.AreEqual(Files, host.Events.OfType<ViolationFilesystem>().Select(violation => violation.Path).Distinct().Count());
        Assert.HasCount(10, result.Diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error));
        Assert.Contains("more violations", result.Diagnostics[^1].Message);
    }

    private async Task AssertActivitiesAsync(Func<SandboxHost, Task<AgentRunResult>> run)
    {
        using SandboxHost host = new();
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "data.csv"), "1,2\n", Token);
        AssertVerdict(Verdict.Passed, 0, await run(host));
        string[] told = [.. host.Events.Select(Describe).OfType<string>().Distinct().Order(StringComparer.Ordinal)];
        CollectionAssert.AreEqual(Expected, told, string.Join('\n', told));
    }

    private static string? Describe(TelemetryEvent raised) =>
        raised switch
        {
            FileRead { InWorkspace: true } read => $"read {read.Path}",
            FileWritten { InWorkspace: true } written => $"written {written.Path} {written.Operation}".TrimEnd(),
            FileDeleted { InWorkspace: true } deleted => $"deleted {deleted.Path}",
            FileRenamed { InWorkspace: true } renamed => $"renamed {renamed.Path} {renamed.Target}",
            _ => null,
        };
}
