using System.Text.Json;
using IsolatedAgents.Policies;
using IsolatedAgents.Text;

namespace IsolatedAgents.Core.Tests.Policies;

[TestClass]
public sealed class PolicyRuleTests
{
    private const string LocalName =
        "in the sandbox this name is the sandbox itself, which needs no entry; write '127.0.0.1:port' for a port of this machine's own loopback, and let the agent connect to that address";

    [TestMethod]
    [DataRow("api.example.com", "api.example.com")]
    [DataRow("API.Example.COM.:443", "api.example.com:443")]
    [DataRow("*.Example.com:8443", "*.example.com:8443")]
    [DataRow("bücher.example", "xn--bcher-kva.example")]
    [DataRow("BÜCHER.example", "xn--bcher-kva.example")]
    [DataRow("127.0.0.1:8080", "127.0.0.1:8080")]
    [DataRow("192.0.2.7:443", "192.0.2.7:443")]
    [DataRow("[2001:DB8:0::1]:443", "[2001:db8::1]:443")]
    [DataRow("2001:db8::1", "[2001:db8::1]")]
    [DataRow("[::ffff:192.0.2.7]:80", "192.0.2.7:80")]
    [DataRow("10.1.0.0/16", "10.1.0.0/16")]
    [DataRow("198.20.0.0/14", "198.20.0.0/14")]
    [DataRow("198.16.0.0/15", "198.16.0.0/15")]
    [DataRow("2001:DB8::/32", "2001:db8::/32")]
    public void Endpoint_Valid_HasOneSpelling(string endpoint, string expected)
    {
        using PolicyFixture fixture = new();
        LoadedPolicy loaded = fixture.LoadParameters(PolicyFixture.Parameter("network.allowed_endpoints", endpoint));
        Assert.AreSequenceEqual([expected], loaded.Policy.Network.AllowedEndpoints);
    }

    [TestMethod]
    [TestProperty("Case", "N14")]
    [TestProperty("Case", "N3")]
    [DataRow("*", "it allows every host; name the hosts that the agent needs, such as 'api.example.com'")]
    [DataRow("*:443", "it allows every host; name the hosts that the agent needs, such as 'api.example.com'")]
    [DataRow("*.com", "anyone can have a host under 'com'; name one label more, such as '*.example.com', or the hosts themselves")]
    [DataRow("*.co.uk", "anyone can have a host under 'co.uk'; name one label more, such as '*.example.co.uk', or the hosts themselves")]
    [DataRow(
        "*.CO.UK.:443",
        "anyone can have a host under 'co.uk'; name one label more, such as '*.example.co.uk', or the hosts themselves"
    )]
    [DataRow(
        "*.github.io",
        "anyone can have a host under 'github.io'; name one label more, such as '*.example.github.io', or the hosts themselves"
    )]
    [DataRow("a.*.com", "'*' stands for whole labels at the front alone; write it such as '*.example.com'")]
    [DataRow("*.*.example.com", "'*' stands for whole labels at the front alone; write it such as '*.example.com'")]
    [DataRow("*evil.com", "'*' stands for whole labels at the front alone; write it such as '*.example.com'")]
    [DataRow("", "it is empty; write a value or leave the entry out")]
    [DataRow("a b.com", "it holds a blank; remove it")]
    [DataRow("a.com\u0000.evil.com", "it holds a control character (such as a line break or NUL); remove it")]
    [DataRow("a.com\r\nHost: b", "it holds a control character (such as a line break or NUL); remove it")]
    [DataRow(
        "a..com",
        "a host name is made of labels of letters, digits and inner hyphens, at most 63 characters each; write it such as 'api.example.com'"
    )]
    [DataRow(
        "-a.com",
        "a host name is made of labels of letters, digits and inner hyphens, at most 63 characters each; write it such as 'api.example.com'"
    )]
    [DataRow(
        "a_b.com",
        "a host name is made of labels of letters, digits and inner hyphens, at most 63 characters each; write it such as 'api.example.com'"
    )]
    [DataRow(
        "a.com..",
        "a host name is made of labels of letters, digits and inner hyphens, at most 63 characters each; write it such as 'api.example.com'"
    )]
    [DataRow(
        "https://a.com",
        "an endpoint is not an address of a page; write 'host', 'host:port', '*.host:port', 'ip:port', '[ipv6]:port' or a range such as '10.1.0.0/16'"
    )]
    [DataRow(
        "a.com:0",
        "the port is a number from 1 to 65535; write 'host', 'host:port', '*.host:port', 'ip:port', '[ipv6]:port' or a range such as '10.1.0.0/16'"
    )]
    [DataRow(
        "a.com:65536",
        "the port is a number from 1 to 65535; write 'host', 'host:port', '*.host:port', 'ip:port', '[ipv6]:port' or a range such as '10.1.0.0/16'"
    )]
    [DataRow(
        "a.com:",
        "the port is a number from 1 to 65535; write 'host', 'host:port', '*.host:port', 'ip:port', '[ipv6]:port' or a range such as '10.1.0.0/16'"
    )]
    [DataRow("2130706433", "an IPv4 address is four decimal numbers without leading zeros; if it is meant, write '127.0.0.1'")]
    [DataRow("0x7f.1", "an IPv4 address is four decimal numbers without leading zeros; if it is meant, write '127.0.0.1'")]
    [DataRow("0177.0.0.1:80", "an IPv4 address is four decimal numbers without leading zeros; if it is meant, write '127.0.0.1'")]
    [DataRow("256.1.1.1", "it is no IPv4 address; write four decimal numbers such as '192.0.2.7'")]
    [DataRow("0.0.0.0", "the unspecified address, broadcast and multicast are no endpoints; name one host")]
    [DataRow("[fe80::1%eth0]:80", "it is no IPv6 address; write it such as '[2001:db8::1]:443', without a zone")]
    [DataRow("0.0.0.0/0", "it covers every address; name the hosts or ranges that the agent needs")]
    [DataRow("::/0", "it covers every address; name the hosts or ranges that the agent needs")]
    [DataRow("10.1.2.3/16", "bits behind the prefix are set; write '10.1.0.0/16' for the range or the address alone")]
    [DataRow("198.18.0.0/15", "it holds addresses of 198.18.0.0/15, which stand for names in the sandbox; name ranges beside these")]
    [DataRow("198.19.4.0/24", "it holds addresses of 198.18.0.0/15, which stand for names in the sandbox; name ranges beside these")]
    [DataRow("192.0.0.0/3", "it holds addresses of 198.18.0.0/15, which stand for names in the sandbox; name ranges beside these")]
    [DataRow("198.19.255.1:80", "the addresses of 198.18.0.0/15 stand for names in the sandbox; name the host")]
    [DataRow("[::ffff:198.18.0.1]:443", "the addresses of 198.18.0.0/15 stand for names in the sandbox; name the host")]
    [DataRow("10.1.0.0/33", "the length behind '/' is a number from 1 to 32, and a range takes no port; write it such as '10.1.0.0/16'")]
    [DataRow("a.com/path", "a range begins with an address; write it such as '10.1.0.0/16' or '2001:db8::/32'")]
    [DataRow("localhost", LocalName)]
    [DataRow("LocalHost.:8080", LocalName)]
    [DataRow("api.localhost:8080", LocalName)]
    [DataRow("*.localhost:8080", LocalName)]
    public void Endpoint_Invalid_SaysWhy(string endpoint, string problem) => AssertRefused("network.allowed_endpoints", endpoint, problem);

    [TestMethod]
    [DataRow("filesystem.allowed_read_paths", "data", "a path in the sandbox is absolute; begin it with '/'")]
    [DataRow("filesystem.allowed_write_paths", "/data/../etc", "it holds '..'; write the path that is meant")]
    [DataRow("filesystem.protected_paths", "/etc", "a glob is relative to the workspace and uses '/'; write it such as '.github/**'")]
    [DataRow("filesystem.protected_paths", "../x", "it holds '..', but nothing outside the workspace is writable; leave the entry out")]
    [DataRow("allowed_env_vars", "A-B", "a variable's name is made of letters, digits and '_' and does not begin with a digit")]
    [DataRow("sensitive_env_vars", "1A", "a variable's name is made of letters, digits and '_' and does not begin with a digit")]
    [DataRow(
        "allowed_env_vars",
        "LD_PRELOAD",
        "variables that begin with 'LD_' steer the loader or the sandbox itself and are never available; use another name"
    )]
    [DataRow(
        "pip_packages",
        "-r requirements.txt",
        "it begins with '-' and would be read as an option of the installer; write a Python package as 'name', 'name==1.2.3' or 'name[extra]>=1,<2', with '--hash=sha256:…' behind it where hashes are required"
    )]
    [DataRow(
        "pip_packages",
        "git+https://example.com/x",
        "addresses, paths and options are not allowed; write a Python package as 'name', 'name==1.2.3' or 'name[extra]>=1,<2', with '--hash=sha256:…' behind it where hashes are required"
    )]
    [DataRow(
        "pip_packages",
        "./local",
        "addresses, paths and options are not allowed; write a Python package as 'name', 'name==1.2.3' or 'name[extra]>=1,<2', with '--hash=sha256:…' behind it where hashes are required"
    )]
    [DataRow(
        "npm_packages",
        "user/repo",
        "addresses, paths and options are not allowed; write an npm package as 'name', 'name@1.2.3' or '@scope/name@^1.2'"
    )]
    [DataRow(
        "npm_packages",
        "file:../x",
        "addresses, paths and options are not allowed; write an npm package as 'name', 'name@1.2.3' or '@scope/name@^1.2'"
    )]
    [DataRow(
        "nuget_packages",
        "../A.nupkg",
        "addresses, paths and options are not allowed; write a NuGet package as 'Name' or 'Name@1.2.3'"
    )]
    [DataRow("pip_index_url", "http://index.example/simple", "'http' lets anyone on the way replace a package; use 'https'")]
    [DataRow(
        "npm_registry_url",
        "ftp://index.example/",
        "an index is an absolute address; write it such as 'https://index.example/simple'"
    )]
    [DataRow(
        "nuget_source_url",
        "https://user:secret@index.example/",
        "it holds credentials or a fragment, which would end up in logs; leave them out"
    )]
    [DataRow("base_image", "Python:3", "write an image such as 'python:3.11-slim', in lower case, or with its digest 'name@sha256:…'")]
    [DataRow("base_image", "--privileged", "write an image such as 'python:3.11-slim', in lower case, or with its digest 'name@sha256:…'")]
    public void Entry_Invalid_SaysWhy(string key, string entry, string problem) => AssertRefused(key, entry, problem);

    [TestMethod]
    [DataRow("pip_packages", "requests")]
    [DataRow("pip_packages", "requests[socks]==2.32.3 --hash=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [DataRow("pip_packages", "zope.interface >= 5, < 7")]
    [DataRow("npm_packages", "@scope/name@^1.2.3")]
    [DataRow("npm_packages", "left-pad@1.3.0")]
    [DataRow("nuget_packages", "Newtonsoft.Json@13.0.4")]
    [DataRow("pip_index_url", "http://localhost:8080/simple")]
    [DataRow(
        "base_image",
        "registry.example:5000/team/agent_x:1.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )]
    [DataRow("filesystem.protected_paths", "Directory.Build.*")]
    public void Entry_Valid_IsAccepted(string key, string entry)
    {
        using PolicyFixture fixture = new();
        Assert.Contains(key, fixture.LoadParameters(PolicyFixture.Parameter(key, entry)).Policy.ExplicitKeys);
    }

    [TestMethod]
    public void SandboxPath_Untidy_IsNormalised()
    {
        using PolicyFixture fixture = new();
        LoadedPolicy loaded = fixture.LoadParameters(PolicyFixture.Parameter("filesystem.allowed_read_paths", "//opt/./data/", "/"));
        Assert.AreSequenceEqual(["/opt/data", "/"], loaded.Policy.Filesystem.AllowedReadPaths);
    }

    [TestMethod]
    public void EnvVars_ValueWithNul_IsNotEchoed()
    {
        using PolicyFixture fixture = new();
        Assert.AreEqual(
            "policy.json(1,22): error IA1001: 'env_vars' entry 'A' is refused: its value holds NUL, which no variable can; remove it.",
            fixture.Error("{ \"env_vars\": { \"A\": \"secret\\u0000\" } }")
        );
    }

    [TestMethod]
    [DataRow("ISOLATED_AGENTS_X", "ISOLATED_AGENTS_")]
    [DataRow("LD_PRELOAD", "LD_")]
    public void EnvVars_ReservedName_IsRefused(string name, string prefix)
    {
        using PolicyFixture fixture = new();
        Assert.AreEqual(
            $"policy.json(1,17): error IA1001: 'env_vars' entry '{name}' is refused: variables that begin with '{prefix}' steer the loader or the sandbox itself and are never available; use another name.",
            fixture.Error($$"""{ "env_vars": { "{{name}}": "x" } }""")
        );
    }

    [TestMethod]
    [DataRow("allowed_env_vars")]
    [DataRow("sensitive_env_vars")]
    public void EnvVars_PassedThroughToo_IsRefused(string other)
    {
        using PolicyFixture fixture = new();
        Assert.AreEqual(
            $"policy.json(1,17): error IA1001: 'env_vars' entry 'A' is in '{other}' too; either set it or pass it through.",
            fixture.Error($$"""{ "env_vars": { "A": "x" }, "{{other}}": ["A"] }""")
        );
    }

    /// <summary>The same entry in the file and as a parameter, which differ in nothing but where it is.</summary>
    private static void AssertRefused(string key, string entry, string problem)
    {
        using PolicyFixture fixture = new();
        string shown = QuotedText.Of(entry.Replace("user:secret", "***", StringComparison.Ordinal));
        PolicyOverride parameter = PolicyFixture.Parameter(key, entry);
        Assert.AreEqual(
            $"error IA1003: Parameter '{parameter.ParameterName}': '{key}' entry '{shown}' is refused: {problem}.",
            fixture.Error("{}", parameter)
        );

        string leaf = key[(key.IndexOf('.', StringComparison.Ordinal) + 1)..];
        bool isList = !key.EndsWith("_url", StringComparison.Ordinal) && key != "base_image";
        string member = $"\"{leaf}\": {(isList ? "[" : "")}\n{JsonSerializer.Serialize(entry)}{(isList ? "]" : "")}";
        string json = leaf == key ? $"{{ {member} }}" : $"{{ \"{key[..key.IndexOf('.', StringComparison.Ordinal)]}\": {{ {member} }} }}";
        Assert.AreEqual($"policy.json(2,1): error IA1001: '{key}' entry '{shown}' is refused: {problem}.", fixture.Error(json));
    }
}
