using System.Text.Json;
using IsolatedAgents.Engines;
using IsolatedAgents.Examination;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary><c>doctor</c>: what it says is what a run then finds.</summary>
[TestClass]
public sealed class DoctorTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string Policy = $$"""{ "base_image": "{{SandboxHost.BusyboxImage}}", "memory_mb": 128 }""";

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("docker")]
    [DataRow("podman")]
    public async Task Doctor_WhereRunsArePossible_TellsEverythingFromInsideASandbox(string name)
    {
        EngineCli engine = name == "docker" ? EngineCli.Docker : EngineCli.Podman;
        EngineRequirements.Require(engine.Socket, name == "docker" ? EngineRequirements.Docker : EngineRequirements.Podman);
        using CommandLineHost host = new();
        host.Write("policy.json", Policy);
        CommandLineRun run = host.Start("doctor", "--policy", "policy.json", "--engine", name, "--json");
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(0, null);
        JsonElement report = JsonDocument.Parse(result.Output).RootElement;
        Assert.IsTrue(report.GetProperty("can_run").GetBoolean());
        Assert.IsTrue(
            report
                .GetProperty("findings")
                .EnumerateArray()
                .All(finding => finding.GetProperty("state").GetString() is "ok" or "warning" or "missing")
        );
        Dictionary<string, JsonElement> findings = report.GetProperty("findings").EnumerateArray().DistinctBy(Check).ToDictionary(Check);
        foreach (
            string check in new[]
            {
                "policy",
                "disk",
                "engine",
                "processor",
                "version",
                "image",
                "files and kernel",
                "kernel",
                "control groups",
                "Landlock",
                "system-call notification",
                "controls",
            }
        )
        {
            Assert.IsTrue(findings.ContainsKey(check), check);
        }

        Assert.AreEqual("the engine shares both with this machine", Found(findings["files and kernel"]));
        Assert.AreEqual((await File.ReadAllTextAsync("/proc/sys/kernel/osrelease", Token)).Trim(), Found(findings["kernel"]));
        Assert.StartsWith("every one is in force", Found(findings["controls"]));
        // The engine may be at the removal still, since the supervisor had said all and ended.
        await engine.WhenNoneIsLeftAsync(run.Id, Token);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Doctor_EngineThatSkipsAControl_NamesItAndIsSix()
    {
        using CommandLineHost host = new();
        host.Write("policy.json", Policy);
        using RewritingEngineProxy proxy = new(host.Root, EngineCli.DockerSocket, create => create["HostConfig"]!["PidMode"] = "host");
        host.Environment["DOCKER_HOST"] = proxy.Address;
        CommandLineResult result = await host.Start("doctor", "--policy", "policy.json").EndAsync(Token);
        result.AssertEnd(6, null);
        Assert.Contains("missing  controls: 'process namespace' is not in force", result.Output);
        Assert.Contains("costs: a run fails with IA2004; do: ", result.Output);
    }

    [TestMethod]
    [TestProperty("Case", "C3-30")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("", "")]
    [DataRow("220 mail.example.com ready\r\n", "")]
    [DataRow("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503")]
    [DataRow("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "")]
    public async Task WhatAnswersIsNoEngine_IsOneLineForDoctorAndRun(string answer, string cause)
    {
        using CommandLineHost host = new();
        using ScriptedEngine scripted = new(host.Root, answer);
        host.Environment["DOCKER_HOST"] = scripted.Address;
        CommandLineResult doctor = await host.Start("doctor").EndAsync(Token);
        doctor.AssertEnd(6, null);
        string line = Assert.ContainsSingle(doctor.OutputLines.Where(line => line.StartsWith("missing", StringComparison.Ordinal)));
        Assert.Contains(scripted.Address, line);
        Assert.Contains(cause, line);
        CommandLineResult run = await host.Start("run", "--command", "true", "--image", SandboxHost.BusyboxImage).EndAsync(Token);
        run.AssertEnd(6, "IA2001");
        Assert.Contains(scripted.Address, run.Error);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Doctor_WrongPolicy_IsTwo()
    {
        using CommandLineHost host = new();
        host.Write("policy.json", "{ \"memory\": 1 }");
        (await host.Start("doctor", "--policy", "policy.json").EndAsync(Token)).AssertEnd(2, "IA1001");
    }

    [TestMethod]
    [DataRow("runc", "1.1.5+ds1", 2)]
    [DataRow("runc", "1.1.12", 1)]
    [DataRow("runc", "v1.2.8", 0)]
    [DataRow("runc", "unknown", 0)]
    [DataRow("containerd", "1.0.0", 0)]
    public void KnownProblems_GoByTheNumbersOfAVersion(string part, string version, int count) =>
        Assert.HasCount(count, KnownProblem.Of([new EnginePart(part, version)]).ToArray());

    private static string Check(JsonElement finding) => finding.GetProperty("check").GetString()!;

    private static string Found(JsonElement finding) => finding.GetProperty("found").GetString()!;
}
