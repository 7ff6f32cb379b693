using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IsolatedAgents.Egress;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>
/// A TLS server of this machine that is inspected on the way, and does with each connection what a test says; and the runs that reach it.
/// </summary>
internal sealed class InspectedServer : IDisposable
{
    public const string Name = "api.test";

    private readonly ServerCertificate _certificate = new(Name);
    private readonly HostServer _server;

    /// <param name="serve">Gets what is inside of the TLS.</param>
    public InspectedServer(Func<SslStream, Task> serve) =>
        _server = new HostServer(
            async (socket, _) =>
            {
                using SslStream tls = new(new System.Net.Sockets.NetworkStream(socket));
                try
                {
                    await tls.AuthenticateAsServerAsync(_certificate.Certificate);
                    await serve(tls);
                }
                catch (IOException)
                {
                    // The other side went away.
                }
            }
        );

    public string Endpoint => $"{Name}:{_server.Port}";

    public int Port => _server.Port;

    /// <summary>The head of a request, with the empty line that ends it; empty where none came.</summary>
    public static async Task<string> ReadHeadAsync(Stream stream)
    {
        StringBuilder head = new();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one) == 0)
            {
                return "";
            }

            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    public static async Task SendAsync(Stream stream, string text)
    {
        await stream.WriteAsync(Encoding.Latin1.GetBytes(text));
        await stream.FlushAsync();
    }

    /// <summary>A run of a Python script.</summary>
    /// <param name="host">Runs it.</param>
    /// <param name="script">The agent.</param>
    /// <param name="network">Further keys of the policy's network, each behind a comma; and what else is allowed.</param>
    /// <param name="allowed">Further endpoints.</param>
    public AgentRunRequest ScriptRequest(EgressHost host, string script, string network, params string[] allowed)
    {
        File.WriteAllText(Path.Combine(host.Sandbox.Workspace, "agent.py"), script);
        return Request(host, "python3 /workspace/agent.py", SandboxHost.PythonImage, network, allowed);
    }

    /// <summary>A run of a command.</summary>
    public AgentRunRequest Request(EgressHost host, string command, string image, string network, params string[] allowed)
    {
        string endpoints = string.Join("\", \"", [Endpoint, "127.0.0.1:9", .. allowed]);
        File.WriteAllText(
            Path.Combine(host.Sandbox.Root, "policy.json"),
            $$"""{ "network": { "allowed_endpoints": ["{{endpoints}}"], "inspect": [{ "endpoint": "{{Endpoint}}", "allow": ["GET /allowed*", "POST /allowed"] }]{{network}} } }"""
        );
        return host.Sandbox.Request(command, image, ("memory_mb", "512"), ("pids_limit", "128")) with
        {
            PolicyFile = "policy.json",
            Egress = new EgressOptions
            {
                Resolver = EgressHost.ThisMachineAsync,
                TrustedRoots = new X509Certificate2Collection(_certificate.Authority),
            },
        };
    }

    public void Dispose()
    {
        _server.Dispose();
        _certificate.Dispose();
    }
}
