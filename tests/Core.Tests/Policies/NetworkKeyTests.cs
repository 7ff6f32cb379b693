using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Core.Tests.Policies;

/// <summary>The keys of what is looked at on the way out.</summary>
[TestClass]
public sealed class NetworkKeyTests
{
    [TestMethod]
    public void Load_AllKeys_HaveTheirNormalForm()
    {
        using PolicyFixture fixture = new();
        NetworkPolicy network = fixture
            .Load(
                """
                { "network": { "allowed_endpoints": ["A.example", "*.cdn.example:8443"],
                    "max_upload_bytes": 5, "max_connections": 7,
                    "inspect": [{ "endpoint": "a.EXAMPLE.", "allow": ["POST /v1/*", "* /x"] }, { "endpoint": "*.b.cdn.example:8443" }],
                    "credentials": [{ "endpoint": "a.example", "header": "Authorization", "from_env": "KEY" },
                                    { "endpoint": "a.example:443", "header": "x-api-key", "from_env": "KEY", "placeholder_env": "OTHER" }] } }
                """
            )
            .Policy.Network;
        Assert.AreEqual((5L, 7), (network.MaxUploadBytes, network.MaxConnections));
        Assert.AreEqual(
            "a.example:443 [POST /v1/*|* /x], *.b.cdn.example:8443 []",
            string.Join(", ", network.Inspect.Select(entry => $"{entry.Endpoint} [{string.Join('|', entry.Allow)}]"))
        );
        Assert.AreEqual(new EndpointCredential("a.example:443", "Authorization", "KEY", "Bearer {}", "KEY"), network.Credentials[0]);
        Assert.AreEqual(new EndpointCredential("a.example:443", "x-api-key", "KEY", "{}", "OTHER"), network.Credentials[1]);
    }

    [TestMethod]
    [DataRow(
        """{ "network": { "inspect": [{ "endpoint": "a.example" }] } }""",
        "(1,28): error IA1001: 'network.inspect' entry 'a.example:443' is not in 'network.allowed_endpoints'; add it there."
    )]
    [DataRow(
        """{ "network": { "allowed_endpoints": ["a.example:22"], "inspect": [{ "endpoint": "a.example" }] } }""",
        "(1,67): error IA1001: 'network.inspect' entry 'a.example:443' is not in 'network.allowed_endpoints'; add it there."
    )]
    [DataRow(
        """{ "network": { "allowed_endpoints": ["a.example"], "inspect": [{ "endpoint": "*.a.example" }] } }""",
        "(1,64): error IA1001: 'network.inspect' entry '*.a.example:443' is not in 'network.allowed_endpoints'; add it there."
    )]
    [DataRow(
        """{ "network": { "allowed_endpoints": ["a.example"], "inspect": [{ "endpoint": "a.example" }, { "endpoint": "A.example:443" }] } }""",
        "(1,93): error IA1001: 'network.inspect' has the endpoint 'a.example:443' twice; keep one of them."
    )]
    [DataRow(
        """{ "network": { "inspect": [{ "endpoint": "10.0.0.0/8" }] } }""",
        "(1,42): error IA1001: 'network.inspect' field 'endpoint' with the text '10.0.0.0/8' is refused: a range cannot be inspected; name the hosts."
    )]
    [DataRow(
        """{ "network": { "inspect": [{ "endpoint": "a.example", "allow": ["/x"] }] } }""",
        "(1,65): error IA1001: 'network.inspect' field 'allow' with the text '/x' is refused: write a method and a path, such as 'POST /v1/chat/completions' or 'GET /v1/models*'."
    )]
    [DataRow(
        """{ "network": { "inspect": [{ "endpoint": "a.example", "allow": "x" }] } }""",
        "(1,64): error IA1001: 'network.inspect' field 'allow' must be a list of texts, but is the text 'x'."
    )]
    [DataRow("""{ "network": { "inspect": [{ }] } }""", "(1,28): error IA1001: An entry of 'network.inspect' has no 'endpoint'; add it.")]
    [DataRow(
        """{ "network": { "inspect": [{ "host": 1 }] } }""",
        "(1,30): error IA1001: Unknown key 'host' in 'network.inspect'; an entry has 'endpoint', 'allow' and 'uncounted'."
    )]
    [DataRow(
        """{ "network": { "allowed_endpoints": ["a.example"], "credentials": [{ "endpoint": "a.example", "header": "X", "from_env": "K" }] } }""",
        "(1,68): error IA1001: 'network.credentials' entry 'a.example:443' is not in 'network.inspect', and only there a header can be set; add it."
    )]
    [DataRow(
        """{ "network": { "credentials": [{ "endpoint": "*.a.example", "header": "X", "from_env": "K" }] } }""",
        "(1,46): error IA1001: 'network.credentials' field 'endpoint' with the text '*.a.example' is refused: a credential goes to one host; name it."
    )]
    [DataRow(
        """{ "network": { "credentials": [{ "endpoint": "a.example", "header": "Host", "from_env": "K" }] } }""",
        "(1,69): error IA1001: 'network.credentials' field 'header' with the text 'Host' is refused: this header steers the connection; name the one that carries the credential."
    )]
    [DataRow(
        """{ "network": { "credentials": [{ "endpoint": "a.example", "header": "X", "from_env": "K", "format": "x" }] } }""",
        "(1,101): error IA1001: 'network.credentials' field 'format' with the text 'x' is refused: it is printable text with '{}' once, where the credential goes, such as 'Bearer {}'."
    )]
    [DataRow(
        """{ "limits": { "max_model_tokens": 5 } }""",
        "(1,15): error IA1001: 'limits.max_model_tokens' counts what passes inspected endpoints, and 'network.inspect' has none; add the model's endpoint there, or remove the limit."
    )]
    [DataRow(
        """{ "network": { "allowed_endpoints": ["a.example"], "inspect": [{ "endpoint": "a.example", "allow": ["GET /*", "POST /v1/files"] }] }, "limits": { "max_model_tokens": 5 } }""",
        "(1,147): error IA1001: 'limits.max_model_tokens' counts requests to models, and no entry of 'network.inspect' allows any; allow one, such as 'POST /v1/chat/completions', or remove the limit."
    )]
    public void Load_WrongKey_SaysWhereAndWhy(string json, string expected)
    {
        using PolicyFixture fixture = new();
        ConfigurationException exception = Assert.ThrowsExactly<ConfigurationException>(() => fixture.Load(json));
        Assert.AreEqual("policy.json" + expected, exception.Diagnostic.ToString());
    }

    [TestMethod]
    [DataRow("POST /v1/chat/*")]
    [DataRow("* /v1/messages")]
    [DataRow("POST /v1beta/models/gemini*")]
    [DataRow("POST /openai/deployments/gpt-5/*")]
    [DataRow("* /*")]
    public void Load_LimitThatAnEndpointFeeds_IsTaken(string rule)
    {
        using PolicyFixture fixture = new();
        Policy policy = fixture
            .Load(
                $$"""
                { "network": { "allowed_endpoints": ["a.example"], "inspect": [{ "endpoint": "a.example", "allow": ["{{rule}}"], "uncounted": ["GET /v1/models*"] }] }, "limits": { "max_model_tokens": 5 } }
                """
            )
            .Policy;
        Assert.AreEqual("GET /v1/models*", policy.Network.Inspect[0].Uncounted.Single());
    }

    [TestMethod]
    [DataRow(
        "\"env_vars\": { \"K\": \"v\" }",
        "'network.credentials' gives 'K' a placeholder, but 'env_vars' sets it too; keep one of them."
    )]
    [DataRow(
        "\"allowed_env_vars\": [\"K\"]",
        "'network.credentials' gives 'K' a placeholder, but 'allowed_env_vars' sets it too; keep one of them."
    )]
    [DataRow(
        "\"sensitive_env_vars\": [\"REAL\"]",
        "'network.credentials' keeps 'REAL' out of the sandbox, but 'sensitive_env_vars' passes it through; remove it there."
    )]
    public void Load_CredentialThatIsPassedThroughToo_IsRefused(string other, string expected)
    {
        using PolicyFixture fixture = new();
        ConfigurationException exception = Assert.ThrowsExactly<ConfigurationException>(() =>
            fixture.Load(
                $$"""
                { {{other}}, "network": { "allowed_endpoints": ["a.example"], "inspect": [{ "endpoint": "a.example" }],
                  "credentials": [{ "endpoint": "a.example", "header": "X", "from_env": "REAL", "placeholder_env": "K" }] } }
                """
            )
        );
        Assert.AreEqual(expected, exception.Diagnostic.Message);
    }
}
