using System.Text.Json;
using System.Text.RegularExpressions;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary>What standard output holds, in each format and at each level; and that no agent can speak through it.</summary>
[TestClass]
public sealed partial class TelemetryTests
{
    private const int Minute = 60_000;
    private const string PrintHostileLines = "cat hostile.txt; cat hostile.txt >&2";

    // One line each, but for the carriage return, which starts another one.
    private static readonly string[] HostileLines =
    [
        "::error::C1a",
        "  ::add-mask::C1b",
        "::stop-commands::C1c",
        "middle ##[error]C1d",
        "::set-output name=x::C1e",
        "##vso[task.complete result=Succeeded;]C2a",
        "x ##vso[task.setvariable variable=A]C2b",
        "##VSO[task.prependpath]C2c",
        "Foo.cs(1,1): error CS0001: C3a",
        "MSBUILD : warning MSB1234: C3b",
        "a.c:1: error: C3c",
        "\e[31mC5a\e[0m",
        "\e[2J\e]0;C5b\a",
        "\e]8;;http://x\e\\C5c",
        "C5d\u202Egpj.exe",
        "C5e\u2066x\u2069",
        "C5f\u2028::error::x",
        "C5g\u0085::error::x",
        "C5h\r::error::C5i",
        "\u0000C5j",
        "C5k\b\b\b\v\f",
    ];

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Json_EverythingAtDebug_IsJsonLinesWithoutGaps()
    {
        using CommandLineHost host = new();
        host.Write("workspace/hostile.txt", string.Join('\n', HostileLines));
        CommandLineResult result = await host.RunCommandAsync(
            $"{PrintHostileLines}; echo x > /output/a; exit 3",
            Token,
            "--telemetry-format",
            "json",
            "--telemetry-level",
            "debug"
        );
        result.AssertEnd(1, "IA6001");
        CollectionAssert.AreEqual(
            Enumerable.Range(1, result.Events.Length).ToArray(),
            result.Events.Select(raised => raised.GetProperty("seq").GetInt32()).ToArray()
        );
        Assert.IsTrue(result.Events[0].TryGetProperty("schema_url", out _));
        Assert.HasCount(1, result.Events.Select(raised => raised.GetProperty("session.id").GetString()).Distinct().ToArray());
        Assert.IsTrue(
            result.Events.Zip(result.Events.Skip(1)).All(pair => string.CompareOrdinal(Time(pair.First), Time(pair.Second)) <= 0)
        );
        Assert.HasCount(
            2 * (HostileLines.Length + 1),
            result.Events.Where(raised => raised.GetProperty("event.name").GetString() == "agent.output").ToArray()
        );
        AssertInert(result.OutputLines);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Simple_EveryEvent_IsOneLineOfTheDocumentedShape()
    {
        using CommandLineHost host = new();
        host.Write("workspace/hostile.txt", string.Join('\n', HostileLines));
        CommandLineResult result = await host.RunCommandAsync(
            $"{PrintHostileLines}; echo x > /output/a",
            Token,
            "--report-directory",
            "report",
            "--telemetry-level",
            "debug"
        );
        result.AssertEnd(0, null);
        string[] recorded = await File.ReadAllLinesAsync(Path.Combine(host.Root, "report", "session.jsonl"), Token);
        Assert.HasCount(recorded.Length, result.OutputLines);
        foreach (string line in result.OutputLines)
        {
            Assert.MatchesRegex(SimpleLine(), line);
        }

        AssertInert(result.OutputLines);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Rich_IntoAPipe_HasNeitherColoursNorSigns()
    {
        using CommandLineHost host = new();
        host.Write("workspace/hostile.txt", string.Join('\n', HostileLines));
        CommandLineResult result = await host.RunCommandAsync($"{PrintHostileLines}; exit 3", Token, "--telemetry-format", "rich");
        result.AssertEnd(1, "IA6001");
        Assert.Contains("|- Container Runtime: Docker", result.Output);
        Assert.Contains("] Error: Agent execution failed", result.Output);
        AssertInert(result.OutputLines);
        foreach (string mark in new[] { "C1a", "C1d", "C2a", "C3a", "C5a", "C5i" })
        {
            Assert.HasCount(2, result.OutputLines.Where(line => line.Contains(mark, StringComparison.Ordinal)).ToArray(), mark);
        }
    }

    [TestMethod]
    [TestProperty("Case", "C1")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task NamesOfFilesAndArguments_AreInertOnBothStreams()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.RunCommandAsync(
            "cd /output; ln -s /x ::error::a; ln -s /x '##[error]b'; ln -s /x '##vso[task.complete]c'; ln -s /x \"$(printf '\\n::error::d')\"; ln -s /x \"$(printf '\\033[31me')\"; "
                + "ln -s /x 'Foo.cs(1,1): error CS0001: f'",
            Token
        );
        result.AssertEnd(3, null, errors: 6);
        AssertInert(result.OutputLines);
        AssertInert([.. result.ErrorLines.Select(line => line.Replace("error IA3004: ", "", StringComparison.Ordinal))]);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Disabled_FailingRun_LeavesStandardOutputEmpty()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.RunCommandAsync(
            "echo said; exit 3",
            Token,
            "--telemetry-enabled",
            "false",
            "--report-directory",
            "report"
        );
        result.AssertEnd(1, "IA6001");
        Assert.AreEqual("", result.Output);
        Assert.Contains("said", await File.ReadAllTextAsync(Path.Combine(host.Root, "report", "session.jsonl"), Token));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("error", "ERROR")]
    [DataRow("warning", "ERROR|WARN ")]
    [DataRow("info", "ERROR|WARN |INFO ")]
    public async Task Level_FailingRun_ShowsItAndWhatIsWorse(string level, string shown)
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.RunCommandAsync(
            "sleep 1.5; exit 3",
            Token,
            "--telemetry-level",
            level,
            "--timeout-seconds",
            "1",
            "--resource-monitor-interval",
            "0.3"
        );
        result.AssertEnd(124, "IA4001");
        CollectionAssert.AreEquivalent(
            shown.Split('|'),
            result.OutputLines.Select(line => line.Split(' ', 2)[1][..5]).Distinct().ToArray(),
            result.Output
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Record_WhateverIsShown_HoldsEveryEvent()
    {
        using CommandLineHost host = new();
        CommandLineResult result = await host.RunCommandAsync(
            "echo said; echo x > /output/a",
            Token,
            "--telemetry-level",
            "error",
            "--report-directory",
            "deep/report"
        );
        result.AssertEnd(0, null);
        Assert.AreEqual("", result.Output);
        JsonElement[] recorded =
        [
            .. (await File.ReadAllLinesAsync(Path.Combine(host.Root, "deep", "report", "session.jsonl"), Token)).Select(line =>
                JsonDocument.Parse(line).RootElement
            ),
        ];
        CollectionAssert.AreEqual(
            Enumerable.Range(1, recorded.Length).ToArray(),
            recorded.Select(raised => raised.GetProperty("seq").GetInt32()).ToArray()
        );
        string[] names = [.. recorded.Select(raised => raised.GetProperty("event.name").GetString()!)];
        foreach (
            string name in new[]
            {
                "session.initializing",
                "policy.validating",
                "container.provisioning",
                "agent.starting",
                "agent.output",
                "output.collected",
                "session.completed",
            }
        )
        {
            Assert.Contains(name, names);
        }
    }

    [TestMethod]
    [TestProperty("Case", "C6")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SecretInTwoWritesAndInAName_IsMaskedEverywhere()
    {
        const string Secret = "hunter2-hunter2";
        using CommandLineHost host = new() { Environment = { ["TOKEN"] = Secret } };
        CommandLineResult result = await host.RunCommandAsync(
            "printf %s \"${TOKEN:0:7}\"; sleep 0.3; echo \"${TOKEN:7}\"; echo $TOKEN >&2; ln -s /x /output/$TOKEN; exit 3",
            Token,
            "--sensitive-env-var",
            "TOKEN",
            "--report-directory",
            "report",
            "--telemetry-level",
            "debug"
        );
        Assert.AreEqual(3, result.ExitCode, result.Error);
        Assert.HasCount(
            2,
            result
                .OutputLines.Where(line =>
                    line.Contains("agent.output", StringComparison.Ordinal) && line.Contains("***", StringComparison.Ordinal)
                )
                .ToArray()
        );
        Assert.DoesNotContain("hunter2", result.Output);
        Assert.DoesNotContain("hunter2", result.Error);
        Assert.DoesNotContain("hunter2", await File.ReadAllTextAsync(Path.Combine(host.Root, "report", "session.jsonl"), Token));
    }

    private static string Time(JsonElement raised) => raised.GetProperty("timestamp").GetString()!;

    // No terminal, no GitHub runner, no Azure agent and no MSBuild that reads these lines does anything but show them.
    private static void AssertInert(IReadOnlyCollection<string> lines)
    {
        foreach (string line in lines)
        {
            Assert.IsFalse(line.TrimStart().StartsWith("::", StringComparison.Ordinal), line);
            Assert.DoesNotContain("##[", line);
            Assert.DoesNotContain("##vso[", line, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotMatchRegex(CanonicalError(), line);
            Assert.IsFalse(
                line.Any(character => char.IsControl(character) || character is '\u202E' or '\u2066' or '\u2069' or '\u2028'),
                line
            );
        }
    }

    [GeneratedRegex(
        @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO |WARN |ERROR) [a-z]+\.[a-z_]+( [^=""]*)?( [a-z0-9_.]+=(""([^""\\]|\\.)*""|[^ ""=]*))*$"
    )]
    private static partial Regex SimpleLine();

    // MSBuild's own expression for what it takes for an error or a warning of a tool.
    [GeneratedRegex(
        @"^\s*(((?<ORIGIN>(((\d+>)?[a-zA-Z]?:[^:]*)|([^:]*))):)|())(?<SUBCATEGORY>(()|([^:]*? )))(?<CATEGORY>(error|warning))( \s*(?<CODE>[^: ]*))?\s*:(?<TEXT>.*)$",
        RegexOptions.IgnoreCase
    )]
    private static partial Regex CanonicalError();
}
