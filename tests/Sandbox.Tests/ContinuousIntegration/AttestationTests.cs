using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using IsolatedAgents.Sandbox.Tests.CommandLine;

namespace IsolatedAgents.Sandbox.Tests.ContinuousIntegration;

/// <summary>Attestations of real runs: what they say, who signed them, and what is found out when something was changed.</summary>
[TestClass]
public sealed class AttestationTests
{
    private const int Minute = 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Attest_SignedRun_IsVerified_AndEveryChangeIsFound()
    {
        using CommandLineHost host = new();
        (string privateKey, string publicKey) = WriteKey(host, "signer");
        CommandLineResult run = await host.RunCommandAsync(
            "echo one > /output/one; echo two > /output/two",
            Token,
            "--report-directory",
            "reports",
            "--audit-log",
            "audit.jsonl",
            "--attest-key",
            privateKey
        );
        Assert.AreEqual(0, run.ExitCode, run.Error);
        string file = Path.Combine(host.Root, "reports", "attestation.json");

        CommandLineResult verified = await VerifyAsync(host, file, publicKey, "--artifacts", host.Output, "--json");
        Assert.AreEqual(0, verified.ExitCode, verified.Output + verified.Error);
        JsonElement found = JsonDocument.Parse(verified.Output).RootElement;
        Assert.AreEqual("passed", found.GetProperty("verdict").GetString());

        // By the book, and without the code that wrote it.
        JsonElement envelope = JsonDocument.Parse(await File.ReadAllTextAsync(file, Token)).RootElement;
        byte[] payload = envelope.GetProperty("payload").GetBytesFromBase64();
        using ECDsa key = ECDsa.Create();
        key.ImportFromPem(await File.ReadAllTextAsync(publicKey, Token));
        byte[] signed = [.. Encoding.UTF8.GetBytes($"DSSEv1 28 application/vnd.in-toto+json {payload.Length} "), .. payload];
        Assert.IsTrue(
            key.VerifyData(
                signed,
                envelope.GetProperty("signatures")[0].GetProperty("sig").GetBytesFromBase64(),
                HashAlgorithmName.SHA256,
                DSASignatureFormat.Rfc3279DerSequence
            )
        );
        JsonElement statement = JsonDocument.Parse(payload).RootElement;
        Assert.AreEqual("https://in-toto.io/Statement/v1", statement.GetProperty("_type").GetString());
        CollectionAssert.AreEquivalent(
            new[] { "one", "two" },
            statement.GetProperty("subject").EnumerateArray().Select(subject => subject.GetProperty("name").GetString()).ToArray()
        );
        JsonElement predicate = statement.GetProperty("predicate");
        // What it says of agent, policy and image is what the audit log begins with, and its audit head is what that ends in.
        JsonElement header = JsonDocument.Parse(File.ReadLines(Path.Combine(host.Root, "audit.jsonl")).First()).RootElement;
        Dictionary<string, string> dependencies = predicate
            .GetProperty("buildDefinition")
            .GetProperty("resolvedDependencies")
            .EnumerateArray()
            .ToDictionary(dependency => dependency.GetProperty("name").GetString()!, Sha256);
        CollectionAssert.AreEquivalent(new[] { "agent", "policy", "image", "expected-probes" }, dependencies.Keys);
        Assert.AreEqual(header.GetProperty("isolated_agents.agent.sha256").GetString(), dependencies["agent"]);
        Assert.AreEqual(header.GetProperty("isolated_agents.policy.sha256").GetString(), dependencies["policy"]);
        Assert.AreEqual(header.GetProperty("container.image.repo_digests").GetString(), $"sha256:{dependencies["image"]}");
        Assert.AreEqual(
            await DockerCli.RunAsync(Token, "image", "inspect", "--format", "{{.Id}}", SandboxHost.BusyboxImage),
            $"sha256:{dependencies["image"]}"
        );
        Assert.AreEqual(SandboxHost.BusyboxImage, header.GetProperty("container.image.name").GetString());
        Dictionary<string, string> byproducts = predicate
            .GetProperty("runDetails")
            .GetProperty("byproducts")
            .EnumerateArray()
            .ToDictionary(byproduct => byproduct.GetProperty("name").GetString()!, Sha256);
        Assert.Contains($"ends in {byproducts["audit-head"]}", run.Error);
        CommandLineResult audit = await host.Start("audit", "verify", "audit.jsonl", "--head", byproducts["audit-head"]).EndAsync(Token);
        Assert.AreEqual(0, audit.ExitCode, audit.Output);
        Assert.AreEqual(
            Convert.ToHexStringLower(
                SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(host.Root, "reports", "session.jsonl"), Token))
            ),
            byproducts["session.jsonl"]
        );

        await AssertInvalidAsync(host, file, WriteKey(host, "other").PublicKey, "another key");
        await File.WriteAllTextAsync(Path.Combine(host.Output, "one"), "changed", Token);
        await AssertInvalidAsync(host, file, publicKey, "'one' was changed", "--artifacts", host.Output);
        await File.WriteAllTextAsync(Path.Combine(host.Output, "one"), "one\n", Token);
        await File.WriteAllTextAsync(Path.Combine(host.Output, "added"), "", Token);
        await AssertInvalidAsync(host, file, publicKey, "'added' is not of this run", "--artifacts", host.Output);
        File.Delete(Path.Combine(host.Output, "added"));
        File.Delete(Path.Combine(host.Output, "two"));
        await AssertInvalidAsync(host, file, publicKey, "'two' is missing", "--artifacts", host.Output);
        string forged = Convert.ToBase64String(
            Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(payload).Replace("\"passed\"", "\"failed\"", StringComparison.Ordinal))
        );
        await File.WriteAllTextAsync(
            file,
            (await File.ReadAllTextAsync(file, Token)).Replace(
                envelope.GetProperty("payload").GetString()!,
                forged,
                StringComparison.Ordinal
            ),
            Token
        );
        await AssertInvalidAsync(host, file, publicKey, "was changed");
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Attest_UnsignedRun_SaysSoAndIsNotValid()
    {
        using CommandLineHost host = new();
        await host.RunCommandAsync("exit 1", Token, "--report-directory", "reports");
        await AssertInvalidAsync(
            host,
            Path.Combine(host.Root, "reports", "attestation.json"),
            WriteKey(host, "any").PublicKey,
            "not signed"
        );
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Attest_KeyThatCannotServe_IsAConfigurationErrorAndNothingRuns()
    {
        using CommandLineHost host = new();
        (string privateKey, string publicKey) = WriteKey(host, "signer");
        string shown = Path.Combine(host.Workspace, "key.pem");
        File.Copy(privateKey, shown);
        using (RSA rsa = RSA.Create())
        {
            host.Write("rsa.pem", rsa.ExportPkcs8PrivateKeyPem());
        }

        foreach (
            string[] options in new[]
            {
                ["--attest-key", privateKey],
                ["--attest-key", "absent.pem", "--report-directory", "reports"],
                ["--attest-key", publicKey, "--report-directory", "reports"],
                ["--attest-key", "rsa.pem", "--report-directory", "reports"],
                new[] { "--attest-key", shown, "--report-directory", "reports" },
            }
        )
        {
            CommandLineResult result = await host.RunCommandAsync("true", Token, options);
            result.AssertEnd(2, "IA1003");
            Assert.AreEqual("", result.Output);
        }
    }

    private static string Sha256(JsonElement resource) => resource.GetProperty("digest").GetProperty("sha256").GetString()!;

    private Task<CommandLineResult> VerifyAsync(CommandLineHost host, string file, string publicKey, params string[] options) =>
        host.Start(["attest", "verify", file, "--key", publicKey, .. options]).EndAsync(Token);

    private async Task AssertInvalidAsync(CommandLineHost host, string file, string publicKey, string reason, params string[] options)
    {
        CommandLineResult result = await VerifyAsync(host, file, publicKey, options);
        Assert.AreEqual(1, result.ExitCode, result.Output + result.Error);
        Assert.StartsWith("invalid: ", result.Output);
        Assert.Contains(reason, result.Output);
    }

    private static (string PrivateKey, string PublicKey) WriteKey(CommandLineHost host, string name)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return (
            host.Write($"keys/{name}.pem", key.ExportPkcs8PrivateKeyPem()),
            host.Write($"keys/{name}.pub", key.ExportSubjectPublicKeyInfoPem())
        );
    }
}
