using System.Globalization;
using System.Net;
using IsolatedAgents.Sandbox.Tests.CommandLine;
using IsolatedAgents.Sandbox.Tests.Faults;

namespace IsolatedAgents.Sandbox.Tests.RemoteEngine;

/// <summary>An engine behind TLS, in a network namespace of its own: the same run gives the same events and artifacts, and nobody else's engine is believed.</summary>
[TestClass]
public sealed class TlsEngineTests
{
    private const int Minutes = 4 * 60_000;
    private const string Port = "2376";
    private const string Command = "echo one; echo two >&2; mkdir -p /output/sub; echo data > /output/sub/file; cat /workspace/source.txt > /output/copy";

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Run_OnAnEngineBehindTls_GivesTheSameEventsAndArtifacts()
    {
        using CommandLineHost host = new();
        host.Write("workspace/source.txt", "from here");
        using TestAuthority authority = new("tests");
        await using PrivateEngine engine = await StartAsync(host, authority);
        (string[] names, string[] artifacts) local = await RunAsync(host, null, null);
        host.Environment["DOCKER_CERT_PATH"] = authority.Write(Path.Combine(host.Root, "client"), null);
        (string[] names, string[] artifacts) overTls = await RunAsync(host, engine, null);
        (string[] names, string[] artifacts) copied = await RunAsync(host, engine, ["--transport", "attach", "--delivery", "copy"]);
        (string[] names, string[] artifacts) byContext = await RunByContextAsync(host, engine);
        CollectionAssert.AreEqual(local.names, byContext.names, string.Join(' ', byContext.names));
        CollectionAssert.AreEqual(local.names, overTls.names, string.Join(' ', overTls.names));
        CollectionAssert.AreEqual(local.artifacts, overTls.artifacts);
        CollectionAssert.AreEqual(local.names, copied.names, string.Join(' ', copied.names));
        CollectionAssert.AreEqual(local.artifacts, copied.artifacts);
        CollectionAssert.AreEqual(new[] { "copy from here", "sub/file data\n" }, local.artifacts);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Run_WhereTheEngineOrTheClientIsNotTrusted_IsNoEngine()
    {
        using CommandLineHost host = new();
        using TestAuthority authority = new("tests");
        using TestAuthority other = new("somebody else");
        await using PrivateEngine engine = await StartAsync(host, authority);
        string right = authority.Write(Path.Combine(host.Root, "client"), null);

        // An authority that the engine's certificate is not from; a client whom the engine does not know; a name that is not the engine's.
        string foreign = other.Write(Path.Combine(host.Root, "foreign"), null);
        string unknown = other.Write(Path.Combine(host.Root, "unknown"), null);
        File.Copy(Path.Combine(right, "ca.pem"), Path.Combine(unknown, "ca.pem"), overwrite: true);
        foreach ((string folder, string address) in new[] { (foreign, "127.0.0.1"), (unknown, "127.0.0.1"), (right, "127.0.0.2") })
        {
            host.Environment["DOCKER_CERT_PATH"] = folder;
            CommandLineResult result = await Start(host, engine, address, ["run", "--command", "true", .. host.Usual(SandboxHost.BusyboxImage)]).EndAsync(Token);
            result.AssertEnd(6, "IA2001");
        }
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Run_CertificatesAreMissingOrUnchecked_SaysWhatToDo()
    {
        using CommandLineHost host = new();
        host.Environment["DOCKER_HOST"] = "tcp://127.0.0.1:1";
        host.Environment["DOCKER_TLS_VERIFY"] = "1";
        host.Environment["DOCKER_CERT_PATH"] = host.Root;
        CommandLineResult missing = await host.RunCommandAsync("true", Token);
        missing.AssertEnd(6, "IA2001");
        Assert.Contains("ca.pem, cert.pem and key.pem", missing.Error);
        host.Environment["DOCKER_TLS_VERIFY"] = null;
        host.Environment["DOCKER_TLS"] = "1";
        CommandLineResult uncheckedEngine = await host.RunCommandAsync("true", Token);
        uncheckedEngine.AssertEnd(6, "IA2001");
        Assert.Contains("DOCKER_TLS_VERIFY", uncheckedEngine.Error);
    }

    private async Task<PrivateEngine> StartAsync(CommandLineHost host, TestAuthority authority)
    {
        string server = authority.Write(Path.Combine(host.Root, "server"), IPAddress.Loopback);
        PrivateEngine engine = await PrivateEngine.StartAsync(
            Token,
            diskSize: null,
            "--host", $"tcp://0.0.0.0:{Port}", "--tlsverify", "--tlscacert", $"{server}/ca.pem", "--tlscert", $"{server}/cert.pem", "--tlskey", $"{server}/key.pem");
        // Its namespace is new, and so is the loopback in it.
        await HostProgram.RunAsync("nsenter", [$"--net={Namespace(engine)}", "ip", "link", "set", "lo", "up"], Token);
        host.Environment["DOCKER_TLS_VERIFY"] = "1";
        return engine;
    }

    private async Task<(string[] Names, string[] Artifacts)> RunAsync(CommandLineHost host, PrivateEngine? engine, string[]? options)
    {
        string[] arguments = ["run", "--command", Command, .. host.Usual(SandboxHost.BusyboxImage), "--telemetry-format", "json", .. options ?? []];
        CommandLineRun run = engine is null ? host.Start(arguments) : Start(host, engine, "127.0.0.1", arguments);
        CommandLineResult result = await run.EndAsync(Token);
        result.AssertEnd(0, null);
        string[] names = [.. result.Events.Select(raised => raised.GetProperty("event.name").GetString()!).Where(name => name != "resource.usage").Order(StringComparer.Ordinal)];
        string[] artifacts = [.. Directory.GetFiles(host.Output, "*", SearchOption.AllDirectories).Where(file => !Path.GetFileName(file).StartsWith('.')).Order(StringComparer.Ordinal)
            .Select(file => $"{Path.GetRelativePath(host.Output, file)} {File.ReadAllText(file)}")];
        return (names, artifacts);
    }

    // As docker's client keeps a context: its address and its certificates below the SHA-256 of its name.
    private async Task<(string[] Names, string[] Artifacts)> RunByContextAsync(CommandLineHost host, PrivateEngine engine)
    {
        string id = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("remote"u8));
        host.Write("docker/config.json", """{ "currentContext": "remote" }""");
        host.Write($"docker/contexts/meta/{id}/meta.json", $$"""{ "Name": "remote", "Endpoints": { "docker": { "Host": "tcp://127.0.0.1:{{Port}}" } } }""");
        string files = Directory.CreateDirectory(Path.Combine(host.Root, "docker", "contexts", "tls", id, "docker")).FullName;
        foreach (string file in Directory.GetFiles(Path.Combine(host.Root, "client")))
        {
            File.Copy(file, Path.Combine(files, Path.GetFileName(file)));
        }

        host.Environment["DOCKER_CONFIG"] = Path.Combine(host.Root, "docker");
        try
        {
            return await RunAsync(host, engine, []);
        }
        finally
        {
            host.Environment["DOCKER_CONFIG"] = null;
        }
    }

    private static CommandLineRun Start(CommandLineHost host, PrivateEngine engine, string address, string[] arguments)
    {
        host.Environment["DOCKER_HOST"] = host.Environment["DOCKER_CONFIG"] is null ? $"tcp://{address}:{Port}" : null;
        CommandLineRun run = host.StartFromScript($"exec nsenter --net={Namespace(engine)} \"$@\"", arguments);
        host.Environment["DOCKER_HOST"] = null;
        return run;
    }

    private static string Namespace(PrivateEngine engine) => string.Create(CultureInfo.InvariantCulture, $"/proc/{engine.ProcessId}/ns/net");
}
