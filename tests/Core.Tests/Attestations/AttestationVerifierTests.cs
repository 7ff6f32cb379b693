using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using IsolatedAgents.Events;
using IsolatedAgents.Reports;
using IsolatedAgents.Reports.Attestations;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Core.Tests.Attestations;

/// <summary>
/// Attestations that somebody has been at, in every way that does not need the key, and statements that the key's owner signed and that are
/// none of ours.
/// </summary>
[TestClass]
public sealed class AttestationVerifierTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ia-attestation-").FullName;
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly AttestationKey _public;
    private readonly string _privateFile;

    public AttestationVerifierTests()
    {
        string file = Path.Combine(_folder, "key.pub");
        File.WriteAllText(file, _key.ExportSubjectPublicKeyInfoPem());
        _public = AttestationKey.Load(file, toSign: false);
        _privateFile = Path.Combine(_folder, "key.pem");
        File.WriteAllText(_privateFile, _key.ExportPkcs8PrivateKeyPem());
        Directory.CreateDirectory(Artifacts);
        File.WriteAllText(Path.Combine(Artifacts, "one"), "one");
    }

    private string Artifacts => Path.Combine(_folder, "artifacts");

    [TestCleanup]
    public void CleanUp()
    {
        _public.Dispose();
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [TestMethod]
    public void Verify_AsItWasWritten_IsValid()
    {
        AttestationVerification verification = Verify(Written());
        Assert.IsTrue(verification.IsValid, verification.Message);
        Assert.AreEqual("passed", verification.Verdict);
    }

    [TestMethod]
    public void Statement_ListsWhatWasInstalled()
    {
        JsonElement[] dependencies =
        [
            .. JsonDocument
                .Parse(JsonNode.Parse(Written())!["payload"]!.GetValue<string>() is { } payload ? Convert.FromBase64String(payload) : [])
                .RootElement.GetProperty("predicate")
                .GetProperty("buildDefinition")
                .GetProperty("resolvedDependencies")
                .EnumerateArray(),
        ];
        JsonElement six = dependencies.Single(dependency => dependency.GetProperty("name").GetString() == "six");
        Assert.AreEqual("1.16.0", six.GetProperty("annotations").GetProperty("version").GetString());
        Assert.AreEqual(new string('a', 64), six.GetProperty("digest").GetProperty("sha256").GetString());
        JsonElement scoped = dependencies.Single(dependency => dependency.GetProperty("name").GetString() == "@scope/pad");
        Assert.AreEqual("1.3.0", scoped.GetProperty("annotations").GetProperty("version").GetString());
        Assert.IsFalse(scoped.TryGetProperty("digest", out _));
        Assert.IsFalse(
            dependencies.Single(dependency => dependency.GetProperty("name").GetString() == "requests").TryGetProperty("annotations", out _)
        );
    }

    [TestMethod]
    [DataRow("six==1.16.0", "six", "1.16.0")]
    [DataRow("six", "six", null)]
    [DataRow("uvicorn[standard]==0.30.1", "uvicorn[standard]", "0.30.1")]
    [DataRow("requests>=2,<3", "requests>=2,<3", null)]
    [DataRow("left-pad@1.3.0", "left-pad", "1.3.0")]
    [DataRow("@scope/name", "@scope/name", null)]
    [DataRow("@scope/name@1.0.0-rc.1", "@scope/name", "1.0.0-rc.1")]
    [DataRow("Newtonsoft.Json/13.0.3", "Newtonsoft.Json", "13.0.3")]
    public void Package_RequestOfAnyManager_IsReadAsThatWritesIt(string request, string name, string? version) =>
        Assert.AreEqual(new InstalledPackage(name, version, null), InstalledPackage.Parse(request));

    [TestMethod]
    public void Collector_InstallationThatFailed_InstalledNothing()
    {
        ReportCollector collector = new();
        collector.Write(new DependenciesInstalling(["six==1.16.0"], "Installing..."));
        collector.Write(new DependenciesFailed("six==1.16.0", "no such version", "Stopped"));
        Assert.IsEmpty(collector.Packages);
    }

    [TestMethod]
    public void Verify_AnyByteOfThePayloadChanged_IsInvalid()
    {
        string written = Written();
        byte[] payload = Convert.FromBase64String(JsonNode.Parse(written)!["payload"]!.GetValue<string>());
        for (int i = 0; i < payload.Length; i++)
        {
            byte[] changed = [.. payload];
            changed[i] ^= 1;
            AssertInvalid(With(written, envelope => envelope["payload"] = Convert.ToBase64String(changed)), "It was changed");
        }
    }

    [TestMethod]
    public void Verify_EnvelopeThatWasChanged_IsInvalid()
    {
        string written = Written();
        AssertInvalid(With(written, envelope => envelope["payloadType"] = "application/json"), "It was changed");
        AssertInvalid(With(written, envelope => envelope["signatures"] = new JsonArray()), "It is not signed");
        AssertInvalid(
            With(written, envelope => envelope["signatures"]![0]!["sig"] = Convert.ToBase64String(new byte[70])),
            "It was changed"
        );
        AssertInvalid(With(written, envelope => envelope["signatures"]![0]!["sig"] = ""), "It was changed");
        AssertInvalid(With(written, envelope => envelope["signatures"]![0]!["sig"] = "not base64!"), "It is not a DSSE envelope");
        AssertInvalid(With(written, envelope => envelope.Remove("payload")), "It is not a DSSE envelope");
        AssertInvalid(written[..(written.Length / 2)], "It is not a DSSE envelope");
        AssertInvalid("", "It is not a DSSE envelope");
        AssertInvalid("[]", "It is not a DSSE envelope");
        AssertInvalid(new string('[', 5000), "It is not a DSSE envelope");
    }

    [TestMethod]
    public void Verify_SignatureOfAnotherRun_IsInvalid()
    {
        string first = Written();
        string second = Written(verdict: Verdict.AgentFailed);
        AssertInvalid(
            With(first, envelope => envelope["payload"] = JsonNode.Parse(second)!["payload"]!.GetValue<string>()),
            "It was changed"
        );
    }

    [TestMethod]
    public void Verify_OneGoodSignatureBesideOthers_IsValid()
    {
        // A key's id is a hint, and nobody is bound to know all who have signed.
        string written = With(Written(), envelope =>
        {
            JsonArray signatures = (JsonArray)envelope["signatures"]!;
            signatures[0]!["keyid"] = "another name";
            signatures.Insert(0, new JsonObject { ["keyid"] = "a stranger", ["sig"] = Convert.ToBase64String(new byte[70]) });
        });
        Assert.IsTrue(Verify(written).IsValid);
    }

    [TestMethod]
    [DataRow(
        """{ "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/other", "subject": [], "predicate": {} }"""
    )]
    [DataRow(
        """{ "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1", "subject": [], "predicate": {} }"""
    )]
    [DataRow("""{ "_type": 5 }""")]
    [DataRow("\"text\"")]
    public void Verify_SignedAndOfAnotherKind_IsInvalid(string statement) => AssertInvalid(Sign(statement), "is not a statement of a run");

    [TestMethod]
    [DataRow("../key.pem")]
    [DataRow("/etc/passwd")]
    [DataRow("")]
    [DataRow(".")]
    public void Verify_SubjectOutsideOfTheFolder_IsMissing(string name)
    {
        string statement = JsonSerializer.Serialize(
            new
            {
                _type = RunStatement.Type,
                predicateType = RunStatement.PredicateType,
                subject = new[] { new { name, digest = new { sha256 = new string('0', 64) } } },
                predicate = new
                {
                    isolatedAgents_result = new { verdict = "passed" },
                    runDetails = new { metadata = new { invocationId = "a" } },
                },
            }
        );
        AssertInvalid(Sign(statement), "is missing");
    }

    [TestMethod]
    public void Verify_ArtifactThatBecameALinkOrAPipe_IsInvalid()
    {
        string written = Written();
        string file = Path.Combine(Artifacts, "one");
        string elsewhere = Path.Combine(_folder, "same");
        File.Move(file, elsewhere);
        File.CreateSymbolicLink(file, elsewhere);
        AssertInvalid(written, "no regular file");
        File.Delete(file);
        using Process maker = Process.Start("mkfifo", [file]);
        maker.WaitForExit();
        AssertInvalid(written, "no regular file");
    }

    private string Written(Verdict verdict = Verdict.Passed)
    {
        string record = Path.Combine(_folder, "session.jsonl");
        File.WriteAllText(record, "{}\n");
        ReportCollector collector = new();
        collector.Write(
            new DependenciesInstalling(
                [$"six==1.16.0 --hash=sha256:{new string('A', 64)}", "@scope/pad@1.3.0", "requests"],
                "Installing..."
            )
        );
        collector.Write(new DependenciesInstalled(3, 1000, TimeSpan.FromSeconds(1)));
        RunReport report = new()
        {
            Result = new AgentRunResult
            {
                Verdict = verdict,
                SessionId = "run",
                AuditHead = new string('b', 64),
                Artifacts = [new Artifact(Path.Combine(Artifacts, "one"), "one", 3, Convert.ToHexStringLower(SHA256.HashData("one"u8)))],
            },
            Started = DateTimeOffset.UnixEpoch,
            Agent = "agent.py",
            AgentSha256 = new string('1', 64),
            PolicySha256 = new string('2', 64),
            ImageDigest = "sha256:" + new string('3', 64),
            Packages = collector.Packages,
        };
        using MemoryStream stream = new();
        AttestationFile.Write(report, record, _privateFile, stream);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private string Sign(string statement)
    {
        byte[] payload = Encoding.UTF8.GetBytes(statement);
        byte[] signature = _key.SignData(
            DsseEnvelope.ToBeSigned(DsseEnvelope.InToto, payload),
            HashAlgorithmName.SHA256,
            DSASignatureFormat.Rfc3279DerSequence
        );
        using MemoryStream stream = new();
        new DsseEnvelope(DsseEnvelope.InToto, [.. payload], [new DsseSignature("key", [.. signature])]).Write(stream);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static string With(string written, Action<JsonObject> change)
    {
        JsonObject envelope = (JsonObject)JsonNode.Parse(written)!;
        change(envelope);
        return envelope.ToJsonString();
    }

    private AttestationVerification Verify(string envelope) =>
        AttestationVerifier.Verify(Encoding.UTF8.GetBytes(envelope), _public, Artifacts);

    private void AssertInvalid(string envelope, string reason)
    {
        AttestationVerification verification = Verify(envelope);
        Assert.IsFalse(verification.IsValid, envelope);
        Assert.Contains(reason, verification.Message);
    }
}
