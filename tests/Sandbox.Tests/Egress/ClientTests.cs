using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using IsolatedAgents.Egress;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>The clients that agents use, in the sandbox, against a real server: as it is, and with its TLS opened on the way.</summary>
[TestClass]
public sealed class ClientTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string Host = "api.test";

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task UsualClients_ReachAServerOverTls()
    {
        using NginxServer nginx = await NginxServer.StartAsync(Host, Token);
        await PublishAsync(nginx);
        using EgressHost host = new();
        await File.WriteAllTextAsync(Path.Combine(host.Sandbox.Workspace, "ca.pem"), nginx.Authority.ExportCertificatePem(), Token);
        string url = $"https://{Host}:{nginx.SecurePort}";
        AgentRunResult result = await host.RunClientAsync(
            [$"{Host}:{nginx.SecurePort}"],
            $$"""
            export SSL_CERT_FILE=/workspace/ca.pem NODE_EXTRA_CA_CERTS=/workspace/ca.pem CURL_CA_BUNDLE=/workspace/ca.pem GIT_SSL_CAINFO=/workspace/ca.pem PIP_CERT=/workspace/ca.pem
            echo curl1 $(curl -sS --http1.1 {{url}}/echo); echo curl2 $(curl -sS --http2 {{url}}/echo)
            python3 -c 'import urllib.request; print("urllib", urllib.request.urlopen("{{url}}/echo").read().decode().strip())'
            python3 -c 'import asyncio
            async def main():
                r, w = await asyncio.open_connection("{{Host}}", {{nginx.SecurePort}}, ssl=True)
                w.write(b"GET /echo HTTP/1.0\r\nHost: {{Host}}\r\n\r\n"); print("asyncio", (await r.read()).decode().splitlines()[-1])
            asyncio.run(main())'
            node -e 'fetch("{{url}}/echo").then(r => r.text()).then(t => console.log("node", t.trim()))'
            git clone -q {{url}}/repo.git /tmp/clone && echo git $(cat /tmp/clone/file.txt)
            python3 -m pip install -q --disable-pip-version-check --no-cache-dir --break-system-packages --index-url {{url}}/simple/ --target /tmp/site tiny-package && PYTHONPATH=/tmp/site python3 -c 'import tiny_package; print("pip", tiny_package.answer)'
            """,
            Token,
            ("timeout_seconds", "90")
        );
        AssertVerdict(Verdict.Passed, 0, result);
        string[] expected =
        [
            "curl1 GET HTTP/1.1 auth=",
            "curl2 GET HTTP/2.0 auth=",
            "urllib GET HTTP/1.1 auth=",
            "asyncio GET HTTP/1.0 auth=",
            "node GET HTTP/1.1 auth=",
            "git hello from git",
            "pip 42",
        ];
        CollectionAssert.AreEqual(expected, host.Lines.ToArray(), string.Join('\n', host.Lines));
        Assert.IsTrue(host.Requests.All(request => request is { Host: Host, Protocol: "TLS", Method: null }));
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DataRow(false)]
    [DataRow(true)]
    public async Task DotNetClient_ReachesAServerOverTls(bool isInspected)
    {
        using NginxServer nginx = await NginxServer.StartAsync(Host, Token);
        using EgressHost host = new();
        string endpoint = $"{Host}:{nginx.SecurePort}";
        await File.WriteAllTextAsync(
            Path.Combine(host.Sandbox.Root, "policy.json"),
            $$"""{ "network": { "allowed_endpoints": ["{{endpoint}}", "127.0.0.1:9"]{{(isInspected ? $$""", "inspect": [{ "endpoint": "{{endpoint}}", "allow": ["GET /echo"] }]""" : "")}} } }""",
            Token
        );
        DotNetAgent.CopyTo(host.Sandbox.Workspace);
        await File.WriteAllTextAsync(Path.Combine(host.Sandbox.Workspace, "ca.pem"), nginx.Authority.ExportCertificatePem(), Token);
        string trust = isInspected ? "" : "SSL_CERT_FILE=/workspace/ca.pem ";
        AgentRunRequest request = host.Sandbox.Request(
            $"{trust}{DotNetAgent.Command} https://{endpoint}/echo https://{endpoint}/other https://elsewhere.test/",
            SandboxHost.ClientsImage,
            ("memory_mb", "512"),
            ("pids_limit", "128")
        ) with
        {
            PolicyFile = "policy.json",
            Egress = new EgressOptions
            {
                Resolver = EgressHost.ThisMachineAsync,
                TrustedRoots = new X509Certificate2Collection(nginx.Authority),
            },
        };
        AgentRunResult result = await host.RunAsync(request, Token);
        string[] expected = isInspected
            ?
            [
                "dotnet 200 GET HTTP/2.0 auth=",
                "dotnet 200 GET HTTP/2.0 auth=",
                "dotnet 403",
                "dotnet 403",
                "dotnet NameResolutionError",
                "dotnet NameResolutionError",
            ]
            :
            [
                "dotnet 200 GET HTTP/1.1 auth=",
                "dotnet 200 GET HTTP/2.0 auth=",
                "dotnet 404",
                "dotnet 404",
                "dotnet NameResolutionError",
                "dotnet NameResolutionError",
            ];
        CollectionAssert.AreEqual(
            expected,
            host.Lines.Where(line => line.StartsWith("dotnet ", StringComparison.Ordinal))
                .Select(line => line.Contains(" 40") ? line[..10] : line)
                .ToArray(),
            string.Join('\n', host.Lines)
        );
        Assert.AreEqual(Verdict.PolicyViolation, result.Verdict);
        Assert.Contains("elsewhere.test", host.Blocked);
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task InspectedEndpoint_ShowsRequestsAndKeepsTheCredentialOutside()
    {
        using NginxServer nginx = await NginxServer.StartAsync(Host, Token);
        await File.WriteAllTextAsync(Path.Combine(nginx.Root, "allowed.txt"), "content\n", Token);
        using EgressHost host = new();
        host.Sandbox.Environment["IA_TEST_API_KEY"] = "sk-very-secret-value";
        string endpoint = $"{Host}:{nginx.SecurePort}";
        string url = $"https://{endpoint}";
        await File.WriteAllTextAsync(
            Path.Combine(host.Sandbox.Root, "policy.json"),
            $$"""
            { "network": { "allowed_endpoints": ["{{endpoint}}", "127.0.0.1:9"], "inspect": [{ "endpoint": "{{endpoint}}", "allow": ["GET /echo", "GET /allowed.txt"] }],
                "credentials": [{ "endpoint": "{{endpoint}}", "header": "Authorization", "from_env": "IA_TEST_API_KEY", "placeholder_env": "API_KEY" }] } }
            """,
            Token
        );
        AgentRunRequest request = host.Sandbox.Request(
            $$"""
            echo curl1 $(curl -sS --http1.1 -H "Authorization: Bearer $API_KEY" {{url}}/echo); echo curl2 $(curl -sS --http2 -H "Authorization: Bearer $API_KEY" {{url}}/echo)
            python3 -c 'import urllib.request; print("urllib", urllib.request.urlopen("{{url}}/allowed.txt").read().decode().strip())'
            node -e 'fetch("{{url}}/echo").then(r => r.text()).then(t => console.log("node", t.trim()))'
            echo denied $(curl -s -o /dev/null -w '%{http_code}' -X POST {{url}}/echo)
            env | grep -c sk-very-secret; env | grep -q '^API_KEY=ia-placeholder' && echo placeholder
            """,
            SandboxHost.ClientsImage,
            ("memory_mb", "512"),
            ("pids_limit", "128")
        ) with
        {
            PolicyFile = "policy.json",
            Egress = new EgressOptions
            {
                Resolver = EgressHost.ThisMachineAsync,
                TrustedRoots = new X509Certificate2Collection(nginx.Authority),
            },
        };
        AgentRunResult result = await host.RunAsync(request, Token);
        AssertVerdict(Verdict.PolicyViolation, 3, result, Diagnostics.DiagnosticTable.NetworkViolation);

        // The server gives the key back, and the agent its placeholder in place of it.
        string[] expected =
        [
            "curl1 GET HTTP/2.0 auth=Bearer (placeholder)",
            "curl2 GET HTTP/2.0 auth=Bearer (placeholder)",
            "urllib content",
            "node GET HTTP/2.0 auth=Bearer (placeholder)",
            "denied 403",
            "0",
            "placeholder",
        ];
        CollectionAssert.AreEqual(
            expected,
            host.Lines.Select(line => Regex.Replace(line, "ia-placeholder-[0-9a-f]{24}-1", "(placeholder)")).ToArray(),
            string.Join('\n', host.Lines)
        );
        Assert.IsTrue(
            result.Violations.Any(violation =>
                violation.Reason.Contains("'GET /echo' held a credential in its body", StringComparison.Ordinal)
            ),
            string.Join('\n', result.Violations.Select(violation => violation.Reason))
        );
        Assert.IsTrue(
            host.Requests.All(request => request.Protocol == "HTTP" && request.Method == "GET" && request.Path is "/echo" or "/allowed.txt")
        );
        Assert.IsEmpty(
            host.Sandbox.Events.Where(telemetryEvent =>
                telemetryEvent.ToString().Contains("sk-very-secret-value", StringComparison.Ordinal)
            ),
            "the credential is in an event"
        );
    }

    // A repository and a package index as plain files.
    private async Task PublishAsync(NginxServer nginx)
    {
        string work = Path.Combine(nginx.Root, "..", "work");
        Directory.CreateDirectory(work);
        await File.WriteAllTextAsync(Path.Combine(work, "file.txt"), "hello from git\n", Token);
        await ShellAsync(
            work,
            $"git init -q . && git add . && git -c user.name=t -c user.email=t@t.test commit -qm t && git clone -q --bare . {nginx.Root}/repo.git && git -C {nginx.Root}/repo.git update-server-info"
        );
        string package = Path.Combine(work, "package");
        Directory.CreateDirectory(Path.Combine(package, "tiny_package"));
        Directory.CreateDirectory(Path.Combine(package, "tiny_package-1.0.dist-info"));
        await File.WriteAllTextAsync(Path.Combine(package, "tiny_package", "__init__.py"), "answer = 42\n", Token);
        await File.WriteAllTextAsync(
            Path.Combine(package, "tiny_package-1.0.dist-info", "METADATA"),
            "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0\n",
            Token
        );
        await File.WriteAllTextAsync(
            Path.Combine(package, "tiny_package-1.0.dist-info", "WHEEL"),
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            Token
        );
        await File.WriteAllTextAsync(
            Path.Combine(package, "tiny_package-1.0.dist-info", "RECORD"),
            "tiny_package/__init__.py,,\ntiny_package-1.0.dist-info/METADATA,,\ntiny_package-1.0.dist-info/WHEEL,,\ntiny_package-1.0.dist-info/RECORD,,\n",
            Token
        );
        string index = Directory.CreateDirectory(Path.Combine(nginx.Root, "simple", "tiny-package")).FullName;
        await ShellAsync(
            package,
            $"python3 -m zipfile -c {index}/tiny_package-1.0-py3-none-any.whl tiny_package tiny_package-1.0.dist-info"
        );
        await File.WriteAllTextAsync(
            Path.Combine(index, "index.html"),
            "<a href=\"tiny_package-1.0-py3-none-any.whl\">tiny_package-1.0-py3-none-any.whl</a>",
            Token
        );
        await ShellAsync(nginx.Root, "chmod -R a+rX .");
    }

    private async Task ShellAsync(string folder, string command)
    {
        using System.Diagnostics.Process shell = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo("bash", ["-ec", command]) { WorkingDirectory = folder }
        )!;
        await shell.WaitForExitAsync(Token);
        Assert.AreEqual(0, shell.ExitCode, command);
    }
}
