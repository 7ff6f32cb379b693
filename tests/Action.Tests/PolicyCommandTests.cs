using System.Text.Json.Nodes;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Action.Tests;

[TestClass]
public sealed class PolicyCommandTests
{
    private const string Policy = """
        {
          "memory_mb": 64, "env_vars": { "KEY": "hidden" },
          "network": { "allowed_endpoints": ["A.example"] },
          "allowed_env_vars": ["HOME", "MISSING"]
        }
        """;

    public required TestContext TestContext { get; init; }

    [TestMethod]
    public async Task Schema_Always_IsTheSchema()
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "schema"));
        Assert.AreEqual(PolicySchema.Text(), fixture.Output);
    }

    [TestMethod]
    public async Task Check_ValidFile_TellsTheEffectivePolicy()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", Policy);
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "check", "p.json"));
        Assert.StartsWith("p.json is valid. Effective policy (* set by the file), SHA-256 ", fixture.Output);
        Assert.Contains("\n* memory_mb = 64\n", fixture.Output);
        Assert.Contains("\n  cpu_cores = 1\n", fixture.Output);
        Assert.Contains("\n* network.allowed_endpoints = [\"a.example\"]\n", fixture.Output);
        Assert.Contains("\n* env_vars = {\"KEY\":\"***\"}\n", fixture.Output);
        Assert.Contains(
            "\np.json(4,32): warning IA1001: 'allowed_env_vars' names the variable 'MISSING', which is not set here",
            fixture.Output
        );
        Assert.DoesNotContain("'HOME'", fixture.Output);
        Assert.AreEqual("", fixture.Error);
    }

    [TestMethod]
    public async Task Check_ValidFileAsJson_IsOneObject()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", Policy);
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "check", "p.json", "--json"));
        JsonNode json = JsonNode.Parse(fixture.Output)!;
        Assert.IsTrue((bool)json["valid"]!);
        Assert.AreEqual(64, (int)json["policy"]!["memory_mb"]!);
        Assert.AreEqual("***", (string?)json["policy"]!["env_vars"]!["KEY"]);
        Assert.AreEqual(
            "allowed_env_vars env_vars memory_mb network.allowed_endpoints",
            string.Join(' ', json["explicit_keys"]!.AsArray())
        );
        Assert.IsEmpty(json["refused"]!.AsArray());
        Assert.AreEqual(
            "IA1001 4 32",
            $"{json["warnings"]![0]!["code"]} {json["warnings"]![0]!["line"]} {json["warnings"]![0]!["column"]}"
        );
    }

    [TestMethod]
    public async Task Check_WhatNoRunWouldAccept_IsAnErrorAtItsLine()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", "{\n  \"pip_packages\": [\"requests\"] }");
        Assert.AreEqual(2, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "check", "p.json"));
        Assert.StartsWith("p.json(2,3): error IA1001: 'pip_packages' cannot be enforced: ", fixture.Error);
        Assert.AreEqual("", fixture.Output);
        using CommandLineFixture asJson = new();
        asJson.Write("p.json", "{\n  \"pip_packages\": [\"requests\"] }");
        Assert.AreEqual(2, await asJson.InvokeAsync(TestContext.CancellationToken, "policy", "check", "p.json", "--json"));
        JsonNode json = JsonNode.Parse(asJson.Output)!;
        Assert.IsFalse((bool)json["valid"]!);
        Assert.AreEqual("IA1001 2 3", $"{json["refused"]![0]!["code"]} {json["refused"]![0]!["line"]} {json["refused"]![0]!["column"]}");
    }

    [TestMethod]
    public async Task Explain_PolicyThatNoRunWouldAccept_SaysSo()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", "{ \"pip_packages\": [\"requests\"] }");
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "explain", "/tmp/x", "--policy", "p.json"));
        Assert.Contains("No run would begin under this policy: 'pip_packages' cannot be enforced", fixture.Output);
    }

    [TestMethod]
    public async Task Check_WrongFile_IsExitCode2()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", "{ \"memory_mb\": 1 }");
        Assert.AreEqual(2, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "check", "p.json"));
        Assert.AreEqual(
            "p.json(1,16): error IA1001: 'memory_mb' must be an integer from 16 to 16777216, but is 1.\n",
            fixture.Error.ReplaceLineEndings("\n")
        );
        Assert.AreEqual("", fixture.Output);
    }

    [TestMethod]
    public async Task Check_WrongFileAsJson_SaysSoInBoth()
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(2, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "check", "none.json", "--json"));
        JsonNode json = JsonNode.Parse(fixture.Output)!;
        Assert.IsFalse((bool)json["valid"]!);
        Assert.AreEqual("IA1001", (string?)json["error"]!["code"]);
        Assert.StartsWith("none.json: error IA1001: ", fixture.Error);
    }

    [TestMethod]
    public async Task Check_MisspeltOption_IsNoFile()
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(2, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "check", "--jsn"));
        Assert.AreEqual("error IA1003: Unknown option '--jsn'; did you mean '--json'.\n", fixture.Error.ReplaceLineEndings("\n"));
    }

    [TestMethod]
    [DataRow(
        "/usr/bin/python3",
        "/usr/bin/python3\n  read    allowed by default (system files): /usr\n  write   denied by filesystem.allowed_write_paths: Outside allowed paths\n"
    )]
    [DataRow(
        "/etc/shadow",
        "/etc/shadow\n  read    denied by sensitive_paths: Holds secrets of the system\n  write   denied by sensitive_paths: Holds secrets of the system\n"
    )]
    [DataRow(
        "/srv/data/x",
        "/srv/data/x\n  read    allowed by filesystem.allowed_read_paths: /srv/data\n  write   denied by filesystem.allowed_write_paths: Outside allowed paths\n"
    )]
    [DataRow(
        "/workspace/a",
        "/workspace/a\n  read    allowed by filesystem.workspace: /workspace\n  write   denied by filesystem.workspace: The workspace is read-only\n"
    )]
    [DataRow(
        "/home/me/a",
        "/home/me/a\n  read    allowed by filesystem.allowed_write_paths: /home/me\n  write   allowed by filesystem.allowed_write_paths: /home/me\n"
    )]
    public async Task Explain_Path_NamesTheRule(string subject, string expected)
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", """{ "filesystem": { "allowed_read_paths": ["/srv/data"], "allowed_write_paths": ["/home/me"] } }""");
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "explain", subject, "--policy", "p.json"));
        Assert.AreEqual(expected, fixture.Output);
    }

    [TestMethod]
    [DataRow("A.example:443", "connect allowed by network.allowed_endpoints: a.example: exact name, default ports 443 and 80")]
    [DataRow("a.example", "connect on 80 allowed by network.allowed_endpoints: a.example: exact name, default ports 443 and 80")]
    [DataRow(
        "a.example:22",
        "connect denied by network.allowed_endpoints: Allowed on 80, 443 alone; a run refuses it and tells it as IA3002"
    )]
    [DataRow("x.y.cdn.example:8443", "connect allowed by network.allowed_endpoints: *.cdn.example:8443: wildcard")]
    [DataRow(
        "cdn.example:8443",
        "connect denied by network.allowed_endpoints: Not in allowed endpoints: '*.cdn.example' allows names below it, not that name itself; a run refuses it and tells it as IA3002"
    )]
    [DataRow("10.1.2.3:443", "connect allowed by network.allowed_endpoints: 10.1.0.0/16: range, default ports 443 and 80")]
    [DataRow("9.9.9.9:53", "connect allowed by network.allowed_endpoints: 9.9.9.9:53: address")]
    [DataRow(
        "169.254.169.254",
        "This address is the cloud's metadata service: it is reached only where an entry names it or a range that holds it"
    )]
    [DataRow("a.example:443", "is refused unless an entry names the address or a range that holds it; named are 9.9.9.9:53, 10.1.0.0/16")]
    [DataRow("a.example", "a.example:443 is inspected by network.inspect: a.example:443; allowed are GET /v1/*")]
    [DataRow("a.example", "a.example:443 gets the header Authorization from the host's KEY; the agent has a placeholder in KEY")]
    [DataRow("ads.example:443", "A refusal is expected by expected_violations: ads.*: a library asks")]
    public async Task Explain_Endpoint_NamesEntryAndWhatItNeeds(string subject, string expected)
    {
        using CommandLineFixture fixture = new();
        fixture.Write(
            "p.json",
            """
            {
              "network": {
                "allowed_endpoints": ["a.example", "*.cdn.example:8443", "9.9.9.9:53", "10.1.0.0/16"],
                "inspect": [{ "endpoint": "a.example:443", "allow": ["GET /v1/*"] }],
                "credentials": [{ "endpoint": "a.example:443", "header": "Authorization", "from_env": "KEY" }]
              },
              "expected_violations": [{ "kind": "network", "match": "ads.*", "reason": "a library asks" }]
            }
            """
        );
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "explain", subject, "--policy", "p.json"));
        Assert.Contains(expected + "\n", fixture.Output);
    }

    [TestMethod]
    public async Task Suggest_RefusedNames_AreEntriesAndTheRestIsListed()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", "{\n  \"memory_mb\": 64\n}\n");
        fixture.Write(
            "session.jsonl",
            string.Join(
                '\n',
                """{"event.name":"violation.network","severity_text":"ERROR","server.address":"api.example","isolated_agents.reason":"Not in allowed endpoints (name lookup)","security_rule.name":"network.allowed_endpoints"}""",
                """{"event.name":"violation.network","severity_text":"ERROR","server.address":"10.0.0.1","server.port":443,"isolated_agents.reason":"Not in allowed endpoints","security_rule.name":"network.allowed_endpoints"}"""
            ) + "\n"
        );
        Assert.AreEqual(
            0,
            await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "suggest", "session.jsonl", "--policy", "p.json")
        );
        Assert.Contains("+    \"allowed_endpoints\": [\"api.example\"]\n", fixture.Output);
        Assert.Contains("not suggested: network connection to 10.0.0.1:443: ", fixture.Error);
    }

    [TestMethod]
    public async Task Explain_AsJson_IsOneObject()
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "explain", "/tmp/x", "--json"));
        JsonNode json = JsonNode.Parse(fixture.Output)!;
        Assert.AreEqual("/tmp/x", (string?)json["subject"]);
        Assert.IsTrue((bool)json["accesses"]![1]!["decision"]!["is_allowed"]!);
    }

    [TestMethod]
    [DataRow("not a host!")]
    [DataRow("/a/../b")]
    [DataRow("*.example.com")]
    [DataRow("10.0.0.0/8")]
    [DataRow("a.example:0")]
    public async Task Explain_Neither_IsExitCode2(string subject)
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(2, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "explain", subject));
        Assert.Contains("error IA1003: ", fixture.Error);
    }

    [TestMethod]
    public async Task Suggest_RecordOfARefusedPath_IsADiffOfTheFile()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("p.json", "{\n  // limits\n  \"memory_mb\": 64\n}\n");
        fixture.Write(
            "session.jsonl",
            """{"event.name":"violation.filesystem","severity_text":"ERROR","file.path":"/srv/x","security_rule.name":"filesystem.allowed_read_paths"}"""
                + "\n"
        );
        Assert.AreEqual(
            0,
            await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "suggest", "session.jsonl", "--policy", "p.json")
        );
        Assert.AreEqual(
            "--- a/p.json\n+++ b/p.json\n@@ -1,4 +1,7 @@\n {\n+  \"filesystem\": {\n+    \"allowed_read_paths\": [\"/srv/x\"]\n+  },\n   // limits\n   \"memory_mb\": 64\n }\n",
            fixture.Output
        );
        Assert.AreEqual("", fixture.Error);
    }

    [TestMethod]
    public async Task Suggest_NothingToChange_SaysSo()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("session.jsonl", """{"event.name":"session.completed","severity_text":"INFO"}""" + "\n");
        Assert.AreEqual(0, await fixture.InvokeAsync(TestContext.CancellationToken, "policy", "suggest", "session.jsonl"));
        Assert.AreEqual("", fixture.Output);
        Assert.StartsWith("Nothing in these records", fixture.Error);
    }
}
