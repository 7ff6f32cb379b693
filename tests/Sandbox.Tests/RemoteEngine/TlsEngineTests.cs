using System.Globalization;
using System.Net;
using IsolatedAgents.Sandbox.Tests.CommandLine;
using IsolatedAgents.Sandbox.Tests.Faults;

namespace IsolatedAgents.Sandbox.Tests.RemoteEngine;

/// <summary>
/// An engine behind TLS, in a network namespace of its own: the same run gives the same events and artifacts, and nobody else's engine is
/// believed.
/// </summary>
[TestClass]
public sealed class TlsEngineTests
{
    private const int Minutes = 4 * 60_000;
    private const string Port = "2376";

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
        RecordedRun local = await RecordedRun.StartAsync(host, Token);
        host.Environment["DOCKER_CERT_PATH"] = authority.Write(Path.Combine(host.Root, "client"), null);
        RecordedRun overTls = await RunAsync(host, engine);
        RecordedRun copied = await RunAsync(host, engine, "--transport", "attach", "--delivery", "copy");
        RecordedRun byContext = await RunByContextAsync(host, engine);
        CollectionAssert.AreEqual(new[] { "copy from here", "sub/file data\n" }, local.Artifacts);
        foreach (RecordedRun remote in new[] { overTls, copied, byContext })
        {
            CollectionAssert.AreEqual(local.Events, remote.Events, string.Join(' ', remote.Events));
            CollectionAssert.AreEqual(local.Artifacts, remote.Artifacts);
        }
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
            CommandLineResult result = await Start(
                    host,
                    engine,
                    address,
                    ["run", "--command", "true", .. host.Usual(SandboxHost.BusyboxImage)]
                )
                .EndAsync(Token);
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
            "--host",
            $"tcp://0.0.0.0:{Port}",
            "--tlsverify",
            "--tlscacert",
            $"{server}/ca.pem",
            "--tlscert",
            $"{server}/cert.pem",
            "--tlskey",
            $"{server}/key.pem"
        );
        // Its namespace is new, and so is the loopback in it.
        await HostProgram.RunAsync("nsenter", [$"--net={Namespace(engine)}", "ip", "link", "set", "lo", "up"], Token);
        host.Environment["DOCKER_TLS_VERIFY"] = "1";
        return engine;
    }

    private Task<RecordedRun> RunAsync(CommandLineHost host, PrivateEngine engine, params string[] options) =>
        RecordedRun.ReadAsync(host, Start(host, engine, "127.0.0.1", RecordedRun.Arguments(host, options)), Token);

    // As docker's client keeps a context: its address and its certificates below the SHA-256 of its name.
    private async Task<RecordedRun> RunByContextAsync(CommandLineHost host, PrivateEngine engine)
    {
        string id = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("remote"u8));
        host.Write("docker/config.json", """{ "currentContext": "remote" }""");
        host.Write(
            $"docker/contexts/meta/{id}/meta.json",
            $$"""{ "Name": "remote", "Endpoints": { "docker": { "Host": "tcp://127.0.0.1:{{Port}}" } } }"""
        );
        string files = Directory.CreateDirectory(Path.Combine(host.Root, "docker", "contexts", "tls", id, "docker")).FullName;
        foreach (string file in Directory.GetFiles(Path.Combine(host.Root, "client")))
        {
            File.Copy(file, Path.Combine(files, Path.GetFileName(file)));
        }

        host.Environment["DOCKER_CONFIG"] = Path.Combine(host.Root, "docker");
        try
        {
            return await RunAsync(host, engine);
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

    private static string Namespace(PrivateEngine engine) =>
        string.Create(CultureInfo.InvariantCulture, $"/proc/{engine.ProcessId}/ns/net");
}
