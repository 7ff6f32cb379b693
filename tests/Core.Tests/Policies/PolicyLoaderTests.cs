using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Core.Tests.Policies;

[TestClass]
public sealed class PolicyLoaderTests
{
    [TestMethod]
    public void Load_Nothing_GivesTheDefault()
    {
        LoadedPolicy loaded = PolicyLoader.Load(null, "/", null, []);
        Assert.AreEqual(PolicyFingerprint.Sha256(Policy.Default), loaded.Sha256);
        Assert.IsEmpty(loaded.Policy.ExplicitKeys);
        Assert.IsNull(loaded.File);
    }

    [TestMethod]
    public void Load_Parameters_ReplaceTheFile()
    {
        using PolicyFixture fixture = new();
        LoadedPolicy loaded = fixture.Load(
            """{ "memory_mb": 64, "cpu_cores": 2, "allowed_env_vars": ["A", "B"], "env_vars": { "X": "1" } }""",
            PolicyFixture.Parameter("memory_mb", "128"),
            PolicyFixture.Parameter("allowed_env_vars", "C"),
            PolicyFixture.Parameter("env_vars", "Y=a=b", "Z="),
            PolicyFixture.Parameter("telemetry_level", "debug"),
            PolicyFixture.Parameter("enable_telemetry", "False"),
            PolicyFixture.Parameter("fail_on", "none"),
            PolicyFixture.Parameter("expected_violations", """{ "kind": "network", "match": "*.example", "reason": "calls home" }""")
        );
        Policy policy = loaded.Policy;
        Assert.AreEqual(128, policy.MemoryMb);
        Assert.AreEqual(2.0, policy.CpuCores);
        Assert.AreSequenceEqual(["C"], policy.AllowedEnvVars);
        Assert.AreSequenceEqual([KeyValuePair.Create("Y", "a=b"), KeyValuePair.Create("Z", "")], policy.EnvVars);
        Assert.AreEqual(TelemetryLevel.Debug, policy.TelemetryLevel);
        Assert.IsFalse(policy.TelemetryEnabled);
        Assert.AreEqual(FailureConditions.None, policy.FailOn);
        Assert.AreSequenceEqual([new ExpectedViolation(ViolationKind.Network, "*.example", "calls home")], policy.ExpectedViolations);
        Assert.AreSequenceEqual(
            [
                "allowed_env_vars",
                "cpu_cores",
                "env_vars",
                "expected_violations",
                "fail_on",
                "memory_mb",
                "telemetry_enabled",
                "telemetry_level",
            ],
            policy.ExplicitKeys
        );
        Assert.AreEqual(new KeyPosition(null, 0, 0, "--memory-mb"), loaded.PositionOf("memory_mb"));
    }

    // As users of the Python SDK write it: it means what the list says.
    [TestMethod]
    public void Load_NetworkNotDisabledBesideEndpoints_IsThePolicyOfTheList()
    {
        using PolicyFixture fixture = new();
        LoadedPolicy loaded = fixture.Load("""{ "network": { "disabled": false, "allowed_endpoints": ["api.example.com"] } }""");
        Assert.IsTrue(loaded.Policy.Network.Disabled);
        Assert.AreEqual(fixture.Load("""{ "network": { "allowed_endpoints": ["api.example.com"] } }""").Sha256, loaded.Sha256);
    }

    [TestMethod]
    [DataRow("memory_mb", "big", "'memory_mb' must be an integer from 16 to 16777216, but is the text 'big'.")]
    [DataRow("memory_mb", "1", "'memory_mb' must be an integer from 16 to 16777216, but is 1.")]
    [DataRow("cpu_cores", "1,5", "'cpu_cores' must be a number from 0.01 to 1024, but is the text '1,5'.")]
    [DataRow("cpu_cores", "NaN", "'cpu_cores' must be a number from 0.01 to 1024, but is the text 'NaN'.")]
    [DataRow("telemetry_enabled", "yes", "'telemetry_enabled' must be true or false, but is the text 'yes'.")]
    [DataRow(
        "network.disabled",
        "false",
        "'network.disabled' is false and 'network.allowed_endpoints' is empty; an agent reaches what is named and nothing else, so name its endpoints, such as 'api.example.com', or remove the key."
    )]
    [DataRow("telemetry_format", "xml", "'telemetry_format' must be 'rich', 'simple' or 'json', but is the text 'xml'.")]
    [DataRow("env_vars", "=x", "'env_vars' takes 'NAME=VALUE', but an entry has no name before '='; write both.")]
    [DataRow(
        "expected_violations",
        "[",
        "The JSON is malformed: Expected depth to be zero at the end of the JSON payload. There is an open JSON object or array that should be closed; correct it here or just before."
    )]
    [DataRow("nope", "1", "no policy key is named 'nope'.")]
    public void Load_WrongParameter_NamesItAsTyped(string key, string value, string problem)
    {
        using PolicyFixture fixture = new();
        ConfigurationException e = Assert.ThrowsExactly<ConfigurationException>(() =>
            fixture.LoadParameters(new PolicyOverride(key, [value], "TypedName"))
        );
        Assert.AreEqual($"error IA1003: Parameter 'TypedName': {problem}", e.Diagnostic.ToString());
    }

    [TestMethod]
    public void Load_ScalarGivenTwice_IsRefused()
    {
        using PolicyFixture fixture = new();
        ConfigurationException e = Assert.ThrowsExactly<ConfigurationException>(() =>
            fixture.LoadParameters(PolicyFixture.Parameter("memory_mb", "64", "65"))
        );
        Assert.AreEqual("error IA1003: Parameter '--memory-mb': 'memory_mb' takes one value, but is given 2.", e.Diagnostic.ToString());
    }

    [TestMethod]
    public void Load_KeySetByTwoParameters_IsRefused()
    {
        using PolicyFixture fixture = new();
        ConfigurationException e = Assert.ThrowsExactly<ConfigurationException>(() =>
            fixture.LoadParameters(
                PolicyFixture.Parameter("telemetry_enabled", "true"),
                PolicyFixture.Parameter("enable_telemetry", "true")
            )
        );
        Assert.AreEqual(
            "error IA1003: Parameter '--enable-telemetry': 'telemetry_enabled' is set by another parameter too; keep one of them.",
            e.Diagnostic.ToString()
        );
    }

    [TestMethod]
    public void Sha256_SamePolicyWrittenOtherwise_IsTheSame()
    {
        using PolicyFixture fixture = new();
        string first = fixture.Load("""{ "memory_mb": 1024, "network": { "allowed_endpoints": ["A.example"] } }""").Sha256;
        string second = fixture
            .Load("""{ "network": { "disabled": true, "allowed_endpoints": ["a.example."] }, /* x */ "memory_mb": 1.024e3 }""")
            .Sha256;
        string third = fixture.Load("""{ "memory_mb": 1024 }""").Sha256;
        Assert.AreEqual(first, second);
        Assert.AreNotEqual(first, third);
        Assert.HasCount(64, first);
    }

    [TestMethod]
    public void DiagnosticAt_ExplicitKey_PointsAtIt()
    {
        using PolicyFixture fixture = new();
        LoadedPolicy loaded = fixture.Load(
            "{\n  \"pip_packages\": [\"requests\"] }",
            PolicyFixture.Parameter("isolation.require", "landlock")
        );
        Assert.AreEqual(
            "policy.json(2,3): error IA2004: no.",
            loaded.DiagnosticAt("pip_packages", DiagnosticTable.IsolationUnavailable, DiagnosticSeverity.Error, "no.").ToString()
        );
        Assert.AreEqual(
            "error IA2004: Parameter '--isolation.require': no.",
            loaded.DiagnosticAt("isolation.require", DiagnosticTable.IsolationUnavailable, DiagnosticSeverity.Error, "no.").ToString()
        );
    }

    [TestMethod]
    [DataRow(
        """{ "filesystem": { "workspace": "write", "protected_paths": [], "allowed_code_paths": ["**"], "allowed_write_paths": ["/workspace/a"] } }""",
        ""
    )]
    [DataRow("""{ "filesystem": { "allowed_read_paths": ["/a"], "allowed_write_paths": ["/b", "/tmp/c", "/output/d"] } }""", "")]
    [DataRow("""{ "filesystem": { "allowed_write_paths": ["/"] } }""", "filesystem.allowed_write_paths")]
    [DataRow("""{ "filesystem": { "allowed_write_paths": ["/usr"] } }""", "filesystem.allowed_write_paths")]
    [DataRow("""{ "filesystem": { "allowed_write_paths": ["/proc/sys"] } }""", "filesystem.allowed_write_paths")]
    [DataRow("""{ "filesystem": { "allowed_write_paths": ["/workspace/a"] } }""", "filesystem.allowed_write_paths")]
    [DataRow("""{ "filesystem": { "allowed_write_paths": ["/agent"] } }""", "filesystem.allowed_write_paths")]
    [DataRow("""{ "filesystem": { "allowed_read_paths": ["/"] } }""", "filesystem.allowed_read_paths")]
    [DataRow("""{ "filesystem": { "allowed_read_paths": ["/.isolated-agents/channel"] } }""", "filesystem.allowed_read_paths")]
    [DataRow(
        """{ "pip_packages": ["a"], "pip_index_url": "https://i.example/", "pip_require_hashes": true }""",
        "pip_packages pip_index_url pip_require_hashes"
    )]
    [DataRow("""{ "npm_packages": ["a"], "npm_registry_url": "https://i.example/" }""", "npm_packages npm_registry_url")]
    [DataRow("""{ "nuget_packages": ["a"] }""", "nuget_packages")]
    [DataRow("""{ "isolation": { "require": ["seccomp", "landlock"] } }""", "")]
    [DataRow(
        """{ "pip_index_url": "https://i.example/", "filesystem": { "workspace": "none", "protected_paths": ["x"] }, "network": { "allowed_endpoints": [] } }""",
        ""
    )]
    [DataRow(
        """{ "fail_on": ["timeout"], "on_violation": "stop", "expected_violations": [], "isolation": { "require": ["seccomp", "cgroup", "container"] } }""",
        ""
    )]
    public void UnavailableControls_OfPolicy_NamesEachKey(string json, string keys)
    {
        using PolicyFixture fixture = new();
        Assert.AreEqual(keys, string.Join(' ', UnavailableControls.Of(fixture.Load(json).Policy).Select(control => control.Key)));
    }

    [TestMethod]
    public void PolicyKeys_Names_AreUniqueInEveryForm()
    {
        Assert.AreAllDistinct(PolicyKeys.All.Select(key => key.Name));
        Assert.AreAllDistinct(PolicyKeys.All.Select(key => key.OptionName));
        Assert.AreAllDistinct(PolicyKeys.All.Select(key => key.PascalName));
        Assert.AreEqual("AllowedEndpoints", PolicyKeys.Find("network.allowed_endpoints")!.PascalName);
        Assert.AreEqual("--allowed-endpoint", PolicyKeys.Find("network.allowed_endpoints")!.OptionName);
    }
}
