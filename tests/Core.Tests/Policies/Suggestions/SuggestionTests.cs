using System.Text;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Policies.Suggestions;

namespace IsolatedAgents.Core.Tests.Policies.Suggestions;

[TestClass]
public sealed class SuggestionTests
{
    [TestMethod]
    public void Advisor_RefusedPaths_AreSuggestedExactlyAndOnce()
    {
        PolicySuggestion suggestion = Advise(
            Denied("/srv/b", "filesystem.allowed_read_paths"),
            Denied("/srv/a", "filesystem.allowed_read_paths"),
            Denied("/srv/b", "filesystem.allowed_read_paths"),
            Denied("/srv/b/c", "filesystem.allowed_read_paths"),
            Denied("/home/me/x", "filesystem.allowed_write_paths")
        );
        Assert.AreEqual(
            "filesystem.allowed_read_paths /srv/a /srv/b; filesystem.allowed_write_paths /home/me",
            string.Join("; ", suggestion.Changes.Select(change => $"{change.Key} {string.Join(' ', change.Added)}"))
        );
        Assert.IsEmpty(suggestion.Left);
    }

    [TestMethod]
    public void Advisor_WhatNoPolicyAllows_IsSaidAndNotSuggested()
    {
        PolicySuggestion suggestion = Advise(
            Denied("/etc/shadow", "sensitive_paths"),
            Denied("/workspace/x", "filesystem.workspace"),
            Denied("/etc/x", "filesystem.allowed_write_paths"),
            Denied("/a/../b", "filesystem.allowed_read_paths"),
            """{"event.name":"violation.process","severity_text":"ERROR","isolated_agents.system_call":"mount"}""",
            """{"event.name":"violation.network","severity_text":"ERROR","server.address":"a.example","server.port":443}"""
        );
        Assert.IsEmpty(suggestion.Changes);
        Assert.HasCount(6, suggestion.Left);
    }

    [TestMethod]
    public void Advisor_LockOfATool_SuggestsNoWritableWorkspace()
    {
        PolicySuggestion suggestion = Advise(
            Denied("/workspace/.git/index.lock", "filesystem.workspace"),
            Denied("/workspace/yarn.lock", "filesystem.workspace")
        );
        Assert.IsEmpty(suggestion.Changes);
        Assert.DoesNotContain(sentence => sentence.Contains("to 'write'", StringComparison.Ordinal), suggestion.Left);
    }

    [TestMethod]
    public void Advisor_RefusedEndpoints_AreSuggestedExactly()
    {
        PolicySuggestion suggestion = Advise(
            Refused("b.example", 0, "Not in allowed endpoints (name lookup)"),
            Refused("b.example", 443, "Not in allowed endpoints"),
            Refused("b.example", 8443, "Not in allowed endpoints"),
            Refused("2606:4700::1", 443, "Not in allowed endpoints"),
            Refused("9.9.9.9", 53, "Not in allowed endpoints")
        );
        Assert.AreEqual(
            "network.allowed_endpoints 9.9.9.9:53 [2606:4700::1]:443 b.example b.example:8443",
            string.Join("; ", suggestion.Changes.Select(change => $"{change.Key} {string.Join(' ', change.Added)}"))
        );
        Assert.IsEmpty(suggestion.Left);
    }

    [TestMethod]
    [DataRow("169.254.169.254", 80, "Not in allowed endpoints")]
    [DataRow("10.0.0.1", 443, "Not in allowed endpoints")]
    [DataRow("fd00::1", 443, "Not in allowed endpoints")]
    [DataRow("metadata.google.internal", 0, "Not in allowed endpoints (name lookup)")]
    [DataRow("localhost", 443, "Not in allowed endpoints")]
    [DataRow("*.example.com", 443, "Not in allowed endpoints")]
    [DataRow("8.0.0.0/8", 0, "Not in allowed endpoints (name lookup)")]
    [DataRow("A.example", 443, "Not in allowed endpoints")]
    [DataRow("***", 443, "Not in allowed endpoints")]
    [DataRow("a.example", 0, "Not in allowed endpoints")]
    [DataRow("a.example", 443, "The TLS ClientHello names 'b.example', but the connection was made to 'a.example:443'")]
    [DataRow("a.example", 443, "'a.example' leads to 10.0.0.1, which is private; where that is meant, list the address too")]
    public void Advisor_EndpointThatNoEntryMayAllow_IsLeft(string host, int port, string reason)
    {
        PolicySuggestion suggestion = Advise(Refused(host, port, reason));
        Assert.IsEmpty(suggestion.Changes);
        Assert.HasCount(1, suggestion.Left);
    }

    [TestMethod]
    [DataRow("More than 1024 connections at once", "network.max_connections", 2048L)]
    [DataRow("More than 60000 connections at once", "network.max_connections", 65536L)]
    [DataRow("More than many", "network.max_connections", 2048L)]
    public void Advisor_NetworkLimit_IsRaisedWithHeadRoom(string reason, string rule, long value)
    {
        PolicySuggestion suggestion = Advise(Refused("a.example", 443, reason, rule));
        Assert.AreEqual($"{rule}={value}", string.Join(' ', suggestion.Changes.Select(change => $"{change.Key}={change.Value}")));
    }

    [TestMethod]
    public void Advisor_UploadAndTokens_AreRaisedWhereTheyAreLimited()
    {
        string[] met =
        [
            Refused("a.example", 443, "More than 5000 bytes to one endpoint", "network.max_upload_bytes"),
            """{"event.name":"model.limit_exceeded","severity_text":"ERROR","isolated_agents.model.tokens":150,"isolated_agents.model.token_limit":100}""",
        ];
        Assert.IsEmpty(Advise(met).Changes);
        PolicyAdvisor advisor = new(
            Policy.Default with
            {
                Network = new NetworkPolicy { MaxUploadBytes = 5000 },
                Limits = new LimitsPolicy { MaxModelTokens = 100 },
            }
        );
        Read(string.Join('\n', met) + "\n", advisor.Take);
        Assert.AreEqual(
            "limits.max_model_tokens=300 network.max_upload_bytes=10000",
            string.Join(' ', advisor.Suggestion.Changes.Select(change => $"{change.Key}={change.Value}"))
        );
    }

    [TestMethod]
    public void Advisor_ExpectedViolation_AsksForNothing()
    {
        PolicySuggestion suggestion = Advise(
            """{"event.name":"violation.filesystem","severity_text":"INFO","file.path":"/srv/b","security_rule.name":"filesystem.allowed_read_paths"}"""
        );
        Assert.IsEmpty(suggestion.Changes);
        Assert.IsEmpty(suggestion.Left);
    }

    [TestMethod]
    [DataRow("""{"event.name":"timeout.exceeded","severity_text":"ERROR","isolated_agents.time_limit":300}""", "timeout_seconds", 600L)]
    [DataRow("""{"event.name":"timeout.exceeded","severity_text":"ERROR","isolated_agents.time_limit":20}""", "", 0L)]
    [DataRow(
        """{"event.name":"resource.out_of_memory","severity_text":"ERROR","isolated_agents.memory.limit":536870912}""",
        "memory_mb",
        1024L
    )]
    [DataRow("""{"event.name":"resource.pids_exhausted","severity_text":"ERROR","isolated_agents.limit":256}""", "pids_limit", 512L)]
    [DataRow(
        """{"event.name":"resource.pids_exhausted","severity_text":"ERROR","isolated_agents.limit":4000000}""",
        "pids_limit",
        4194304L
    )]
    [DataRow(
        """{"event.name":"resource.out_of_memory","severity_text":"ERROR","isolated_agents.memory.limit":17592186044416}""",
        "memory_mb",
        16777216L
    )]
    [DataRow(
        """{"event.name":"timeout.exceeded","severity_text":"ERROR","isolated_agents.time_limit":600000}""",
        "timeout_seconds",
        604800L
    )]
    [DataRow(
        """{"event.name":"output.limit_exceeded","severity_text":"ERROR","isolated_agents.current_size":30000000,"isolated_agents.size_limit":10485760}""",
        "max_output_bytes",
        60000000L
    )]
    [DataRow(
        """{"event.name":"output.limit_exceeded","severity_text":"ERROR","isolated_agents.current_size":30,"isolated_agents.size_limit":10485760}""",
        "max_output_files",
        2000L
    )]
    public void Advisor_LimitThatWasMet_IsRaisedWithHeadRoom(string recorded, string key, long value)
    {
        PolicySuggestion suggestion = Advise(recorded);
        Assert.AreEqual(
            key.Length == 0 ? "" : $"{key}={value}",
            string.Join(' ', suggestion.Changes.Select(change => $"{change.Key}={change.Value}"))
        );
    }

    [TestMethod]
    [DataRow("not json\n", 1)]
    [DataRow("{\"event.name\":\"a\"}\n[]\n", 2)]
    [DataRow("{\"event.name\":\"a\"}\n{\"a\":1,\"a\":2}\n", 2)]
    [DataRow("{\"x\":\"a\"}\n", 1)]
    public void Reader_LineThatIsNoEvent_IsRefusedAtItsPlace(string record, int line)
    {
        ConfigurationException refused = Assert.ThrowsExactly<ConfigurationException>(() => Read(record, _ => { }));
        Assert.AreEqual(line, refused.Diagnostic.Line);
        Assert.AreEqual(DiagnosticTable.Parameters, refused.Diagnostic.Code);
    }

    [TestMethod]
    public void Reader_LineLongerThanAnyEvent_IsRefused() =>
        Assert.ThrowsExactly<ConfigurationException>(() => Read(new string(' ', 2_000_000) + "\n", _ => { }));

    [TestMethod]
    public void Reader_LastLineCutOff_IsLeftOut()
    {
        int count = 0;
        Read("{\"event.name\":\"a\"}\n{\"event.name\":\"b\"}\n{\"event.na", _ => count++);
        Assert.AreEqual(2, count);
    }

    [TestMethod]
    [DataRow("{\n}\n", "filesystem.allowed_read_paths", "{\n  \"filesystem\": {\n    \"allowed_read_paths\": [\"/a\", \"/b\"]\n  }\n}\n")]
    [DataRow(
        "{ \"memory_mb\": 64 }",
        "filesystem.allowed_read_paths",
        "{\n  \"filesystem\": {\n    \"allowed_read_paths\": [\"/a\", \"/b\"]\n  }, \"memory_mb\": 64 }"
    )]
    [DataRow(
        "{\n  // why\n  \"filesystem\": { \"workspace\": \"none\" },\n}",
        "filesystem.allowed_read_paths",
        "{\n  // why\n  \"filesystem\": {\n    \"allowed_read_paths\": [\"/a\", \"/b\"], \"workspace\": \"none\" },\n}"
    )]
    [DataRow(
        "{ \"filesystem\": { \"allowed_read_paths\": [ /* c */ \"/x\", ] } }",
        "filesystem.allowed_read_paths",
        "{ \"filesystem\": { \"allowed_read_paths\": [\"/a\", \"/b\",  /* c */ \"/x\", ] } }"
    )]
    [DataRow(
        "{ \"filesystem\": { \"allowed_read_paths\": [] } }",
        "filesystem.allowed_read_paths",
        "{ \"filesystem\": { \"allowed_read_paths\": [\"/a\", \"/b\"] } }"
    )]
    [DataRow("{ \"memory_mb\" : 64 }", "memory_mb", "{ \"memory_mb\" : 128 }")]
    [DataRow("{\r\n  \"cpu_cores\": 1\r\n}\r\n", "memory_mb", "{\r\n  \"memory_mb\": 128,\r\n  \"cpu_cores\": 1\r\n}\r\n")]
    public void Editor_Change_LeavesTheRestAsItIs(string before, string key, string after)
    {
        PolicyTextEditor editor = new(before);
        editor.Apply(key == "memory_mb" ? new PolicyChange(key, [], 128) : new PolicyChange(key, ["/a", "/b"]));
        Assert.AreEqual(after, editor.Text);
        _ = PolicyReader.Read(Encoding.UTF8.GetBytes(editor.Text), PolicySource.FromFile("policy.json"));
    }

    private static string Refused(string host, int port, string reason, string rule = "network.allowed_endpoints") =>
        $$"""{"event.name":"violation.network","severity_text":"ERROR","server.address":"{{host}}",{{(port > 0 ? $"\"server.port\":{port}," : "")}}"isolated_agents.reason":"{{reason}}","security_rule.name":"{{rule}}"}""";

    private static string Denied(string path, string rule) =>
        $$"""{"event.name":"violation.filesystem","severity_text":"ERROR","file.path":"{{path}}","security_rule.name":"{{rule}}"}""";

    private static PolicySuggestion Advise(params string[] events)
    {
        PolicyAdvisor advisor = new(Policy.Default);
        Read(string.Join('\n', events) + "\n", advisor.Take);
        return advisor.Suggestion;
    }

    private static void Read(string record, Action<RecordedEvent> take)
    {
        using MemoryStream stream = new(Encoding.UTF8.GetBytes(record));
        SessionRecordReader.Read(stream, "session.jsonl", take);
    }
}
