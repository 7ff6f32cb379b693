using System.Text;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Core.Tests.Policies;

[TestClass]
public sealed class PolicyReaderTests
{
    [TestMethod]
    // Keys.
    [DataRow("{\n  \"memroy_mb\": 512 }", "(2,3): error IA1001: Unknown key 'memroy_mb' at the top level; did you mean 'memory_mb'.")]
    [DataRow("{ \"memoryMb\": 512 }", "(1,3): error IA1001: Unknown key 'memoryMb' at the top level; did you mean 'memory_mb'.")]
    [DataRow(
        "{ \"allowed_endpoints\": [] }",
        "(1,3): error IA1001: Unknown key 'allowed_endpoints' at the top level; 'allowed_endpoints' belongs in 'network'."
    )]
    [DataRow(
        "{ \"network.disabled\": true }",
        "(1,3): error IA1001: Unknown key 'network.disabled' at the top level; 'disabled' belongs in 'network'."
    )]
    [DataRow(
        "{ \"network\": { \"memory_mb\": 1 } }",
        "(1,16): error IA1001: Unknown key 'memory_mb' in 'network'; 'memory_mb' belongs at the top level."
    )]
    [DataRow(
        "{ \"network\": { \"quux\": 1 } }",
        "(1,16): error IA1001: Unknown key 'quux' in 'network'; it holds 'disabled', 'allowed_endpoints', 'max_upload_bytes', 'max_connections', 'inspect' and 'credentials'."
    )]
    [DataRow("{ \"netwrok\": {} }", "(1,3): error IA1001: Unknown key 'netwrok' at the top level; did you mean 'network'.")]
    [DataRow(
        "{ \"zzzzzzzzzzzz\": {} }",
        "(1,3): error IA1001: Unknown key 'zzzzzzzzzzzz' at the top level; 'isolated-agents policy schema' prints the known keys."
    )]
    [DataRow(
        "{ \"a\\u001b[31m\\u202e\": 1 }",
        "(1,3): error IA1001: Unknown key 'a\\u001B[31m\\u202E' at the top level; 'isolated-agents policy schema' prints the known keys."
    )]
    [DataRow(
        "{ \"privileged\": true }",
        "(1,3): error IA1001: Key 'privileged' at the top level is never available, since it would weaken the sandbox; remove it."
    )]
    [DataRow(
        "{ \"cap_add\": [] }",
        "(1,3): error IA1001: Key 'cap_add' at the top level is never available, since it would weaken the sandbox; remove it."
    )]
    [DataRow(
        "{ \"isolation\": { \"security_opt\": [\"seccomp=unconfined\"] } }",
        "(1,18): error IA1001: Key 'security_opt' in 'isolation' is never available, since it would weaken the sandbox; remove it."
    )]
    [DataRow(
        "{ \"host_network\": true }",
        "(1,3): error IA1001: Key 'host_network' at the top level is never available, since it would weaken the sandbox; use 'network.allowed_endpoints' to name what the agent may reach."
    )]
    [DataRow(
        "{ \"pid_mode\": \"host\" }",
        "(1,3): error IA1001: Key 'pid_mode' at the top level is never available, since it would weaken the sandbox; remove it."
    )]
    [DataRow(
        "{ \"volumes\": [] }",
        "(1,3): error IA1001: Key 'volumes' at the top level is never available, since it would weaken the sandbox; use 'readonly_mounts' to show files to the agent."
    )]
    [DataRow(
        "{ \"memory_mb\": 512,\n\"memory_mb\": 512 }",
        "(2,1): error IA1001: Duplicate key 'memory_mb', first set on line 1; keep one of them."
    )]
    [DataRow(
        "{ \"memory_mb\": 512,\n\"memory\\u005fmb\": 512 }",
        "(2,1): error IA1001: Duplicate key 'memory_mb', first set on line 1; keep one of them."
    )]
    [DataRow(
        "{ \"telemetry_enabled\": true,\n\"enable_telemetry\": true }",
        "(2,1): error IA1001: 'enable_telemetry' is another name of 'telemetry_enabled', which is set on line 1; keep one of them."
    )]
    // Types and ranges.
    [DataRow(
        "{\n\t\"memory_mb\": \"lots\" }",
        "(2,15): error IA1001: 'memory_mb' must be an integer from 16 to 16777216, but is the text 'lots'."
    )]
    [DataRow("{ \"memory_mb\": 15 }", "(1,16): error IA1001: 'memory_mb' must be an integer from 16 to 16777216, but is 15.")]
    [DataRow("{ \"memory_mb\": 512.5 }", "(1,16): error IA1001: 'memory_mb' must be an integer from 16 to 16777216, but is 512.5.")]
    [DataRow("{ \"memory_mb\": 1e99 }", "(1,16): error IA1001: 'memory_mb' must be an integer from 16 to 16777216, but is 1e99.")]
    [DataRow("{ \"memory_mb\": null }", "(1,16): error IA1001: 'memory_mb' must be an integer from 16 to 16777216, but is null.")]
    [DataRow(
        "{ \"timeout_seconds\": 0 }",
        "(1,22): error IA1001: 'timeout_seconds' must be an integer from 1 to 604800, but is 0: a run always has a time limit."
    )]
    [DataRow("{ \"cpu_cores\": 1e999 }", "(1,16): error IA1001: 'cpu_cores' must be a number from 0.01 to 1024, but is 1e999.")]
    [DataRow(
        "{ \"cpu_threshold_percent\": 0 }",
        "(1,28): error IA1001: 'cpu_threshold_percent' must be a number above 0 and up to 100, but is 0."
    )]
    [DataRow("{ \"telemetry_enabled\": 1 }", "(1,24): error IA1001: 'telemetry_enabled' must be true or false, but is 1.")]
    [DataRow(
        "{ \"telemetry_level\": \"info\" }",
        "(1,22): error IA1001: 'telemetry_level' must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR', but is the text 'info'."
    )]
    [DataRow("{ \"on_violation\": null }", "(1,19): error IA1001: 'on_violation' must be 'continue' or 'stop', but is null.")]
    [DataRow(
        "{ \"fail_on\": \"timeout\" }",
        "(1,14): error IA1001: 'fail_on' must be a list of 'violation', 'timeout', 'output_limit', 'out_of_memory', 'pids', 'exit_code' or 'model_limit', but is the text 'timeout'."
    )]
    [DataRow(
        "{ \"fail_on\": [\"timeout\", \"oom\"] }",
        "(1,26): error IA1001: 'fail_on' must hold 'violation', 'timeout', 'output_limit', 'out_of_memory', 'pids', 'exit_code' or 'model_limit', but holds the text 'oom'."
    )]
    [DataRow("{ \"network\": true }", "(1,14): error IA1001: 'network' must be an object, but is true.")]
    [DataRow("{ \"pip_packages\": {} }", "(1,19): error IA1001: 'pip_packages' must be a list of Python packages, but is an object.")]
    [DataRow("{ \"pip_packages\": [7] }", "(1,20): error IA1001: 'pip_packages' must be a list of Python packages, but holds 7.")]
    [DataRow("{ \"env_vars\": { \"A\": 1 } }", "(1,22): error IA1001: 'env_vars' entry 'A' must be text; put its value in double quotes.")]
    [DataRow(
        "{ \"network\": { \"disabled\": false } }",
        "(1,16): error IA1001: 'network.disabled' is false and 'network.allowed_endpoints' is empty; an agent reaches what is named and nothing else, so name its endpoints, such as 'api.example.com', or remove the key."
    )]
    // Form.
    [DataRow("", "(1,1): error IA1001: There is no JSON here; a policy is an object, write '{}' for the default policy.")]
    [DataRow("[]", "(1,1): error IA1001: A policy is a JSON object, but this is a list of 0; begin the file with '{'.")]
    [DataRow(
        "{} {}",
        "(1,4): error IA1001: The JSON is malformed: '{' is invalid after a single JSON value. Expected end of data; correct it here or just before."
    )]
    [DataRow(
        "{\n  // ü\n  \"memory_mb\": 512 x }",
        "(3,20): error IA1001: The JSON is malformed: 'x' is invalid after a value. Expected either ',', '}', or ']'; correct it here or just before."
    )]
    [DataRow(
        "{ \"base_image\": \"\\ud800\" }",
        "(1,17): error IA1001: The text holds half of a surrogate pair (\\uD800 to \\uDFFF), which is no character; write the whole pair."
    )]
    [DataRow(
        "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
        "(1,17): error IA1001: The JSON is nested deeper than 16 levels; a policy needs no more than 4."
    )]
    // Columns count characters.
    [DataRow(
        "{ \"env_vars\": { \"A\": \"äöü\" }, \"x_y_z\": 1 }",
        "(1,31): error IA1001: Unknown key 'x_y_z' at the top level; 'isolated-agents policy schema' prints the known keys."
    )]
    // Entries of expected violations.
    [DataRow(
        "{ \"expected_violations\": [{ \"kind\": \"network\", \"match\": \"*\" }] }",
        "(1,27): error IA1001: An entry of 'expected_violations' has no 'reason'; add it."
    )]
    [DataRow(
        "{ \"expected_violations\": [{ \"kind\": \"net\", \"match\": \"*\", \"reason\": \"r\" }] }",
        "(1,37): error IA1001: 'expected_violations' field 'kind' must be 'filesystem', 'network', 'process' or 'output', but is the text 'net'."
    )]
    [DataRow(
        "{ \"expected_violations\": [{ \"kinds\": \"network\" }] }",
        "(1,29): error IA1001: Unknown key 'kinds' in 'expected_violations'; an entry has 'kind', 'match' and 'reason'."
    )]
    public void Load_WrongText_SaysWhatAndWhere(string json, string expected)
    {
        using PolicyFixture fixture = new();
        Assert.AreEqual(PolicyFixture.FileName + expected, fixture.Error(json));
    }

    [TestMethod]
    public void Load_InvalidUtf8_PointsAtTheByte()
    {
        using PolicyFixture fixture = new();
        ConfigurationException e = Assert.ThrowsExactly<ConfigurationException>(() =>
            fixture.Load([(byte)'{', (byte)'\n', (byte)' ', 0xFF])
        );
        Assert.AreEqual("policy.json(2,2): error IA1001: The byte 0xFF is not UTF-8; save the policy as UTF-8.", e.Diagnostic.ToString());
    }

    [TestMethod]
    public void Load_ByteOrderMark_CountsNoColumn()
    {
        using PolicyFixture fixture = new();
        ConfigurationException e = Assert.ThrowsExactly<ConfigurationException>(() =>
            fixture.Load([.. Encoding.UTF8.Preamble, .. "{ \"zzzzzzzzzzzz\": 1 }"u8])
        );
        Assert.AreEqual(3, e.Diagnostic.Column);
        Assert.AreEqual(512, fixture.Load([.. Encoding.UTF8.Preamble, .. "{}"u8]).Policy.MemoryMb);
    }

    [TestMethod]
    public void Load_MissingFile_SaysWhereItLooked()
    {
        using PolicyFixture fixture = new();
        ConfigurationException e = Assert.ThrowsExactly<ConfigurationException>(() =>
            PolicyLoader.Load("none.json", fixture.Base, null, [])
        );
        Assert.AreEqual(
            $"none.json: error IA1001: The policy file 'none.json' does not exist; correct the path, which starts from '{fixture.Base}' where it is relative.",
            e.Diagnostic.ToString()
        );
    }

    [TestMethod]
    public void Load_Folder_SaysSo()
    {
        using PolicyFixture fixture = new();
        ConfigurationException e = Assert.ThrowsExactly<ConfigurationException>(() => PolicyLoader.Load(".", fixture.Base, null, []));
        Assert.AreEqual(".: error IA1001: The policy file '.' is a folder; name the file in it.", e.Diagnostic.ToString());
    }

    [TestMethod]
    public void Load_LargeFile_IsRefused()
    {
        using PolicyFixture fixture = new();
        Assert.AreEqual(
            "policy.json: error IA1001: The policy file 'policy.json' is larger than 1 MiB; a policy needs a few KiB, name another file.",
            fixture.Error("{}" + new string(' ', 1 << 20))
        );
    }

    [TestMethod]
    public void Load_CommentsTrailingCommasAndSchema_AreAccepted()
    {
        using PolicyFixture fixture = new();
        LoadedPolicy loaded = fixture.Load(
            """
            // What the reviewer may use.
            {
              "$schema": "policy.schema.json",
              /* twice the default */ "memory_mb": 1024.0,
              "enable_telemetry": false,
              "telemetry_format": null,
              "network": { "disabled": true, },
            }
            """
        );
        Assert.AreEqual(1024, loaded.Policy.MemoryMb);
        Assert.IsFalse(loaded.Policy.TelemetryEnabled);
        Assert.AreSequenceEqual(["memory_mb", "network.disabled", "telemetry_enabled", "telemetry_format"], loaded.Policy.ExplicitKeys);
        Assert.AreEqual(new KeyPosition("policy.json", 4, 27, null), loaded.PositionOf("memory_mb"));
        Assert.IsNull(loaded.PositionOf("cpu_cores"));
    }
}
