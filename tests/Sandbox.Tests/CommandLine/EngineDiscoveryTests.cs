using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary>The engine is found as a user's own tools find it.</summary>
[TestClass]
public sealed class EngineDiscoveryTests
{
    private const int Minute = 60_000;
    private const string Missing = "unix:///nonexistent/engine.sock";

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_NothingIsSet_UsesTheDefaultSocket()
    {
        using CommandLineHost host = new() { Environment = { ["HOME"] = null, ["XDG_RUNTIME_DIR"] = null } };
        AssertDocker(await RunAsync(host));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_DockerHost_WinsOverTheContext()
    {
        using CommandLineHost host = new() { Environment = { ["DOCKER_HOST"] = $"unix://{EngineCli.DockerSocket}" } };
        AddContext(host, "elsewhere", Missing);
        AssertDocker(await RunAsync(host));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_CurrentContext_IsUsed()
    {
        using CommandLineHost host = new();
        AddContext(host, "here", Link(host));
        AssertDocker(await RunAsync(host));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_CurrentContextBelowHome_IsUsed()
    {
        using CommandLineHost host = new();
        AddContext(host, "elsewhere", Missing, ".docker");
        host.Environment["DOCKER_CONFIG"] = null;
        host.Environment["HOME"] = host.Root;
        AssertMissing(await RunAsync(host, "--engine", "docker"));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_DockerContext_WinsOverTheCurrentOne()
    {
        using CommandLineHost host = new();
        AddContext(host, "here", Link(host));
        AddContext(host, "elsewhere", Missing);
        host.Environment["DOCKER_CONTEXT"] = "here";
        AssertDocker(await RunAsync(host));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_ContextWhoseEngineIsAway_IsAnEngineErrorAndNoOtherDockerIsTried()
    {
        using CommandLineHost host = new();
        AddContext(host, "elsewhere", Missing);
        AssertMissing(await RunAsync(host, "--engine", "docker"));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_ContextThatDoesNotExist_IsToldByName()
    {
        using CommandLineHost host = new() { Environment = { ["DOCKER_CONTEXT"] = "nowhere" } };
        CommandLineResult result = await RunAsync(host);
        result.AssertEnd(6, "IA2001");
        Assert.AreEqual(
            "error IA2001: The docker context 'nowhere' is chosen and does not exist. Choose one with 'docker context use'.\n",
            result.Error
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow("{ \"currentContext\": \"default\" }")]
    [DataRow("{ \"auths\": {} }")]
    [DataRow("not JSON")]
    public async Task Run_ConfigurationWithoutAContext_UsesTheDefaultSocket(string configuration)
    {
        using CommandLineHost host = new();
        host.Write("docker/config.json", configuration);
        host.Environment["DOCKER_CONFIG"] = Path.Combine(host.Root, "docker");
        AssertDocker(await RunAsync(host));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_OtherEngineThanAsked_IsToldWhoAnswers()
    {
        using CommandLineHost host = new() { Environment = { ["DOCKER_HOST"] = $"unix://{EngineCli.DockerSocket}" } };
        CommandLineResult result = await RunAsync(host, "--engine", "podman");
        result.AssertEnd(6, "IA2001");
        Assert.StartsWith(
            $"error IA2001: No Podman engine answers. Tried unix://{EngineCli.DockerSocket}: Docker answers there.",
            result.Error
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Run_SomethingElseAnswers_IsAnEngineError()
    {
        using CommandLineHost host = new();
        host.Environment["DOCKER_HOST"] = $"unix://{host.Write("no.sock", "a file")}";
        (await RunAsync(host)).AssertEnd(6, "IA2001");
    }

    // A place of its own for the same engine shows that it was this one that was asked.
    private static string Link(CommandLineHost host)
    {
        string link = Path.Combine(host.Root, "engine.sock");
        File.CreateSymbolicLink(link, EngineCli.DockerSocket);
        return $"unix://{link}";
    }

    private static void AddContext(CommandLineHost host, string name, string address, string folder = "docker")
    {
        string id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
        JsonObject meta = new()
        {
            ["Name"] = name,
            ["Metadata"] = new JsonObject(),
            ["Endpoints"] = new JsonObject
            {
                ["docker"] = new JsonObject { ["Host"] = address, ["SkipTLSVerify"] = false },
            },
        };
        host.Write($"{folder}/contexts/meta/{id}/meta.json", meta.ToJsonString());
        host.Write($"{folder}/config.json", new JsonObject { ["currentContext"] = name }.ToJsonString());
        host.Environment["DOCKER_CONFIG"] = Path.Combine(host.Root, folder);
    }

    private static void AssertDocker(CommandLineResult result)
    {
        result.AssertEnd(0, null);
        Assert.Contains("container_runtime=\"Docker ", result.OutputLines[0]);
    }

    private static void AssertMissing(CommandLineResult result)
    {
        result.AssertEnd(6, "IA2001");
        Assert.AreEqual(
            $"error IA2001: No Docker engine answers. Tried {Missing}: no such socket. Start one, or point DOCKER_HOST at it.\n",
            result.Error
        );
    }

    private Task<CommandLineResult> RunAsync(CommandLineHost host, params string[] options) =>
        host.Start(["run", "--command", "true", "--image", SandboxHost.BusyboxImage, "--working-directory", host.Workspace, .. options])
            .EndAsync(Token);
}
