using System.Text.Json.Nodes;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;
using NJsonSchema;

namespace IsolatedAgents.Core.Tests.Policies;

[TestClass]
public sealed class PolicySchemaTests
{
    public required TestContext TestContext { get; init; }

    [TestMethod]
    public async Task Text_CheckedInFile_IsTheSame()
    {
        string file = Repository.File("src", "Core", "Policies", "policy.schema.json");
        if (Environment.GetEnvironmentVariable("IA_UPDATE_GOLDEN") == "1")
        {
            await File.WriteAllTextAsync(file, PolicySchema.Text(), TestContext.CancellationToken);
        }

        Assert.AreEqual(
            await File.ReadAllTextAsync(file, TestContext.CancellationToken),
            PolicySchema.Text(),
            "Set IA_UPDATE_GOLDEN=1 to write the file anew."
        );
    }

    [TestMethod]
    public void Text_EveryDefault_IsAcceptedByTheReader()
    {
        using PolicyFixture fixture = new();
        JsonObject root = JsonNode.Parse(PolicySchema.Text())!.AsObject();
        JsonObject defaults = Defaults(root["properties"]!.AsObject());
        Assert.AreEqual(PolicyFingerprint.Sha256(Policy.Default), fixture.Load(defaults.ToJsonString()).Sha256);
    }

    [TestMethod]
    [DataRow("{}")]
    [DataRow("""{ "$schema": "x", "memory_mb": 1024, "cpu_cores": 0.5, "telemetry_format": null, "pip_index_url": null }""")]
    [DataRow("""{ "memory_mb": 1024, "enable_telemetry": false }""")]
    [DataRow(
        """{ "network": { "disabled": true, "allowed_endpoints": ["a.example"] }, "fail_on": [], "isolation": { "require": ["seccomp"] } }"""
    )]
    [DataRow("""{ "env_vars": { "A": "1" }, "expected_violations": [{ "kind": "network", "match": "*", "reason": "r" }] }""")]
    [DataRow(
        """{ "network": { "allowed_endpoints": ["a.example"], "inspect": [{ "endpoint": "a.example", "allow": ["GET /x"] }], "credentials": [{ "endpoint": "a.example", "header": "X-Key", "from_env": "K" }] } }"""
    )]
    [DataRow(
        """{ "network": { "max_upload_bytes": 0, "max_connections": 1, "allowed_endpoints": ["a.example"], "inspect": [{ "endpoint": "a.example", "uncounted": ["GET /x"] }] }, "limits": { "max_model_tokens": 5 } }"""
    )]
    [DataRow("""{ "network": { "max_connections": 0 } }""")]
    [DataRow("""{ "network": { "inspect": [{ "allow": [] }] } }""")]
    [DataRow("""{ "network": { "inspect": [{ "endpoint": "a.example", "x": 1 }] } }""")]
    [DataRow("""{ "network": { "inspect": ["a.example"] } }""")]
    [DataRow("""{ "network": { "credentials": [{ "endpoint": "a.example", "header": "X" }] } }""")]
    [DataRow("""{ "limits": { "max_model_tokens": -1 } }""")]
    [DataRow("""{ "memory_mb": 15 }""")]
    [DataRow("""{ "memory_mb": 512.5 }""")]
    [DataRow("""{ "memory_mb": null }""")]
    [DataRow("""{ "memory_mb": "512" }""")]
    [DataRow("""{ "timeout_seconds": 0 }""")]
    [DataRow("""{ "cpu_threshold_percent": 0 }""")]
    [DataRow("""{ "cpu_threshold_percent": 100.5 }""")]
    [DataRow("""{ "unknown": 1 }""")]
    [DataRow("""{ "network": { "disabled": false } }""")]
    [DataRow("""{ "network": { "disabled": false, "allowed_endpoints": [] } }""")]
    [DataRow("""{ "network": { "disabled": false, "allowed_endpoints": ["a.example"] } }""")]
    [DataRow("""{ "network": { "unknown": 1 } }""")]
    [DataRow("""{ "network": [] }""")]
    [DataRow("""{ "telemetry_level": "info" }""")]
    [DataRow("""{ "telemetry_format": "xml" }""")]
    [DataRow("""{ "telemetry_enabled": true, "enable_telemetry": true }""")]
    [DataRow("""{ "fail_on": ["oom"] }""")]
    [DataRow("""{ "env_vars": { "1A": "1" } }""")]
    [DataRow("""{ "env_vars": { "A": 1 } }""")]
    [DataRow("""{ "pip_packages": [""] }""")]
    [DataRow("""{ "expected_violations": [{ "kind": "network", "match": "*" }] }""")]
    [DataRow("""{ "expected_violations": [{ "kind": "net", "match": "*", "reason": "r" }] }""")]
    public async Task Schema_AndReader_Agree(string json)
    {
        using PolicyFixture fixture = new();
        bool isAccepted;
        try
        {
            fixture.Load(json);
            isAccepted = true;
        }
        catch (ConfigurationException)
        {
            isAccepted = false;
        }

        JsonSchema schema = await JsonSchema.FromJsonAsync(PolicySchema.Text(), TestContext.CancellationToken);
        Assert.AreEqual(isAccepted, schema.Validate(json).Count == 0);
    }

    private static JsonObject Defaults(JsonObject properties)
    {
        JsonObject result = [];
        foreach ((string name, JsonNode? property) in properties)
        {
            if (property!.AsObject().TryGetPropertyValue("default", out JsonNode? value))
            {
                result[name] = value?.DeepClone();
            }
            else if (property["properties"] is JsonObject members)
            {
                result[name] = Defaults(members);
            }
        }

        return result;
    }
}
