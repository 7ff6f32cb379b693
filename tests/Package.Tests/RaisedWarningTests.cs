using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Package.Tests;

/// <summary>
/// Warnings that only an engine, a kernel or a model raises, raised by what raises them: the build decides what becomes of each by its
/// code.
/// </summary>
[TestClass]
public sealed partial class RaisedWarningTests
{
    private const int Minutes = 120_000;
    private const string DockerSocket = "/var/run/docker.sock";

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    // The supervisor no longer answers, which is an error, and the engine does not remove its container, which is a warning beside it.
    [TestMethod]
    [DataRow("", 1, 1)]
    [DataRow("-p:TreatWarningsAsErrors=true", 2, 0)]
    [DataRow("-p:NoWarn=IA2003", 1, 0)]
    [DataRow("-p:TreatWarningsAsErrors=true -p:NoWarn=IA2003", 1, 0)]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task ContainerThatStays_IsWhatTheBuildSays(string properties, int errors, int warnings)
    {
        using ConsumerProject project = new(
            ConsumerProject.Step(
                $"Command=\"echo ready; sleep 600\" TimeoutSeconds=\"1\" ReportDirectory=\"report\" Image=\"{ConsumerProject.BusyboxImage}\""
            )
        );
        using RewritingEngineProxy engine = new(project.Folder, DockerSocket, _ => { }) { Failing = "DELETE " };
        project.Environment["DOCKER_HOST"] = engine.Address;
        RunningBuild build = project.StartBuild(["-t:Step", .. Words(properties)]);
        await build.WhenLineAsync("ready", Token);
        string container = ContainerName().Match(project.Read("report/session.jsonl")).Value;
        try
        {
            string supervisor = await EngineEvents.RunAsync(Token, "inspect", "--format", "{{.State.Pid}}", container);
            await RunAsync("kill", "-STOP", supervisor);
            BuildOutcome outcome = await build.CompleteAsync(Token);
            Assert.HasCount(errors, outcome.Errors, outcome.Text);
            Assert.HasCount(warnings, outcome.Warnings, outcome.Text);
            string[] codes = [.. outcome.Errors.Select(told => told.Code), .. outcome.Warnings.Select(told => told.Code)];
            Assert.IsTrue(codes.All(code => code == "IA2003"), outcome.Text);
            Assert.AreEqual("engine_error", project.Output("Verdict").Single(), outcome.Text);
        }
        finally
        {
            // By its own name alone.
            await RunAsync("docker", "--host", $"unix://{DockerSocket}", "rm", "--force", container);
        }
    }

    // The engine's filter of system calls knows nothing of Landlock.
    [TestMethod]
    [DataRow("", "warning")]
    [DataRow("-p:TreatWarningsAsErrors=true", "error")]
    [DataRow("-p:NoWarn=IA2004", "message")]
    [DataRow("-p:TreatWarningsAsErrors=true -p:NoWarn=IA2004", "message")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task KernelWithoutLandlock_IsWhatTheBuildSays(string properties, string severity)
    {
        using ConsumerProject project = new(ConsumerProject.Step($"Command=\"echo ran\" Image=\"{ConsumerProject.BusyboxImage}\""));
        using RewritingEngineProxy engine = new(project.Folder, DockerSocket, HideLandlock);
        project.Environment["DOCKER_HOST"] = engine.Address;
        AssertSeverity("IA2004", severity, await project.BuildStepAsync(Token, Words(properties)), project);
    }

    // The agent uses more tokens than it may, and the policy does not fail the run for that.
    [TestMethod]
    [DataRow("", "warning")]
    [DataRow("-p:TreatWarningsAsErrors=true", "error")]
    [DataRow("-p:NoWarn=IA4007", "message")]
    [DataRow("-p:TreatWarningsAsErrors=true -p:NoWarn=IA4007", "message")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task TokensPastTheLimit_AreWhatTheBuildSays(string properties, string severity)
    {
        using ModelServer model = new();
        using ConsumerProject project = new(
            ConsumerProject.Step($"Agent=\"ask.py\" PolicyFile=\"policy.json\" Image=\"{ConsumerProject.PythonImage}\"")
        );
        project.Write(
            "policy.json",
            $$"""
            {
              "network": { "allowed_endpoints": ["{{model.Endpoint}}"], "inspect": [{ "endpoint": "{{model.Endpoint}}" }] },
              "limits": { "max_model_tokens": 10 },
              "fail_on": ["violation", "timeout"]
            }
            """
        );
        project.Write(
            "ask.py",
            $$"""
            import time, urllib.request
            address = "https://{{model.Endpoint}}/v1/chat/completions"
            request = urllib.request.Request(address, data=b'{"model":"m"}', headers={"Content-Type": "application/json"})
            print(urllib.request.urlopen(request).read())
            time.sleep(60)
            """
        );
        project.Write("authority.pem", model.AuthorityPem);
        project.Environment["SSL_CERT_FILE"] = project.PathOf("authority.pem");
        AssertSeverity("IA4007", severity, await project.BuildStepAsync(Token, Words(properties)), project);
    }

    private static void AssertSeverity(string code, string severity, BuildOutcome build, ConsumerProject project)
    {
        Assert.AreEqual(severity == "error" ? 1 : 0, build.ExitCode, build.Text);
        Assert.AreEqual(severity == "error" ? code : "", string.Join(' ', build.Errors.Select(error => error.Code)), build.Text);
        Assert.AreEqual(severity == "warning" ? code : "", string.Join(' ', build.Warnings.Select(warning => warning.Code)), build.Text);
        Assert.AreEqual("passed", project.Output("Verdict").Single(), build.Text);
    }

    private static void HideLandlock(JsonObject settings)
    {
        JsonArray options = settings["HostConfig"]!["SecurityOpt"]!.AsArray();
        int profile = Enumerable
            .Range(0, options.Count)
            .Single(index => ((string)options[index]!).StartsWith("seccomp=", StringComparison.Ordinal));
        options[profile] = ((string)options[profile]!).Replace("\"landlock_create_ruleset\",", "", StringComparison.Ordinal);
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        await process.WaitForExitAsync(CancellationToken.None);
    }

    private static string[] Words(string properties) => properties.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex("(?<=\"container.id\":\")[0-9a-f]{12,64}")]
    private static partial Regex ContainerName();
}
