using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Egress;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>Runs Python agents that may reach servers of this machine under names of the test's own.</summary>
internal sealed class EgressHost : IDisposable
{
    /// <summary>Of the policy, so that names may lead to this machine; on a port that nobody serves.</summary>
    private const string ThisMachine = "127.0.0.1:9";

    private readonly Dictionary<string, string> _addresses = new(StringComparer.Ordinal);

    public SandboxHost Sandbox { get; } = new();

    public IReadOnlyList<string> Lines => Sandbox.Lines;

    /// <summary>What was let through.</summary>
    public IReadOnlyList<NetworkRequest> Requests => [.. Sandbox.Events.OfType<NetworkRequest>()];

    /// <summary>What was refused, as <c>host:port</c> where a port was named.</summary>
    public IReadOnlyList<string> Blocked =>
        [.. Sandbox.Events.OfType<NetworkBlocked>().Select(blocked => blocked.Port > 0 ? $"{blocked.Host}:{blocked.Port}" : blocked.Host)];

    /// <summary>Has a name lead to an address; all others lead to this machine.</summary>
    public EgressHost Resolve(string name, string address)
    {
        _addresses[name] = address;
        return this;
    }

    /// <summary>Runs a script under a policy that allows some endpoints, and this machine's address.</summary>
    public Task<AgentRunResult> RunAsync(
        string[] endpoints,
        string script,
        CancellationToken token,
        params (string Key, string Value)[] policy
    ) => RunAsync(Request([.. endpoints, ThisMachine], script, policy), token);

    /// <summary>Runs a script under a policy that allows these endpoints alone.</summary>
    public Task<AgentRunResult> RunStrictAsync(
        string[] endpoints,
        string script,
        CancellationToken token,
        params (string Key, string Value)[] policy
    ) => RunAsync(Request(endpoints, script, policy), token);

    public Task<AgentRunResult> RunAsync(AgentRunRequest request, CancellationToken token) => Sandbox.RunAsync(request, token);

    public AgentRunRequest Request(string[] endpoints, string script, params (string Key, string Value)[] policy)
    {
        string agent = Path.Combine(Sandbox.Root, "script.py");
        File.WriteAllText(agent, script);
        return Sandbox.Request("", SandboxHost.PythonImage, [("network.allowed_endpoints", string.Join('|', endpoints)), .. policy]) with
        {
            Command = null,
            Agent = agent,
            Egress = new EgressOptions { Resolver = ResolveAsync },
        };
    }

    /// <summary>Runs a shell command in the image that has the usual clients.</summary>
    public Task<AgentRunResult> RunClientAsync(
        string[] endpoints,
        string command,
        CancellationToken token,
        params (string Key, string Value)[] policy
    ) =>
        Sandbox.RunAsync(
            Sandbox.Request(
                command,
                SandboxHost.ClientsImage,
                [
                    ("network.allowed_endpoints", string.Join('|', [.. endpoints, ThisMachine])),
                    ("memory_mb", "512"),
                    ("pids_limit", "128"),
                    .. policy,
                ]
            ) with
            {
                Egress = new EgressOptions { Resolver = ResolveAsync },
            },
            token
        );

    /// <summary>Every name is this machine.</summary>
    public static ValueTask<IPAddress[]> ThisMachineAsync(string name, CancellationToken token) =>
        ValueTask.FromResult<IPAddress[]>([IPAddress.Loopback]);

    public void Dispose() => Sandbox.Dispose();

    private ValueTask<IPAddress[]> ResolveAsync(string name, CancellationToken token) =>
        _addresses.GetValueOrDefault(name, "127.0.0.1") switch
        {
            "" => throw new SocketException((int)SocketError.HostNotFound),
            { } address => ValueTask.FromResult<IPAddress[]>([.. address.Split(' ').Select(IPAddress.Parse)]),
        };
}
