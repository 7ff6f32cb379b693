using System.Globalization;
using System.Text;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>R6: an engine that is slow, cuts, lies or does not let go.</summary>
[TestClass]
public sealed class EngineShimTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "C3-9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(7)]
    [DataRow(8)]
    [DataRow(9)]
    [DataRow(100)]
    [DataRow(1009)]
    [DataRow(70_001)]
    public async Task AttachedStreamIsCut_IsAnEngineErrorAndNothingIsLeft(int after)
    {
        using SandboxHost host = new() { Transport = TransportKind.Attach };
        using EngineShim shim = Shim(host, new EngineShim(host.Root) { CutAttachedAfter = after });
        AgentRunResult result = await host.RunAsync("while :; do echo 0123456789012345678901234567890123456789; done", Token);
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.EngineLost);
        Assert.IsTrue(host.Lines.SkipLast(1).All(line => line == "0123456789012345678901234567890123456789"));
        Assert.IsFalse(Directory.Exists(host.Output));
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "C3-15")]
    [TestProperty("Case", "C3-28")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DataRow(TransportKind.Attach, 1, 0, 0)]
    [DataRow(TransportKind.Attach, 3, 0, 0)]
    [DataRow(TransportKind.Attach, 65536, 2000, 0)]
    [DataRow(TransportKind.Socket, 1, 2000, 0)]
    [DataRow(TransportKind.Attach, 512, 0, 10_000)]
    public async Task SlowEngine_IsSlowerAndNothingElse(TransportKind transport, int slice, int delayMilliseconds, int bytesPerSecond)
    {
        const string Odd =
            "printf 'gr\\303\\274n \\342\\202\\254 \\377\\376 \\033]52;c;AAAA\\007 ::error::x\\rcarriage\\n'; printf 'wrong\\n' >&2; printf 'no end'; printf 12345 > /output/five";
        using SandboxHost plain = new() { Transport = transport };
        AssertVerdict(Verdict.Passed, 0, await plain.RunAsync(Odd, Token));
        using SandboxHost host = new() { Transport = transport };
        using EngineShim shim = Shim(
            host,
            new EngineShim(host.Root) { Flow = new EngineFlow(TimeSpan.FromMilliseconds(delayMilliseconds), slice, bytesPerSecond) }
        );
        AgentRunResult result = await host.RunAsync(Odd, Token);
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEquivalent(plain.Lines.ToArray(), host.Lines.ToArray());
        Assert.AreEqual("5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5", Assert.ContainsSingle(result.Artifacts).Sha256);
    }

    public static IEnumerable<object[]> WrongAnswers()
    {
        string[] calls = ["/_ping", "/images/", "/containers/create", "/attach?", "/start"];
        (string Name, string Answer)[] answers =
        [
            ("503", "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\ntry later"),
            ("garbage", "SSH-2.0-OpenSSH_9.2\r\n"),
            ("nothing", ""),
            ("wrong JSON", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"Id\":["),
            ("cut chunk", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"Id\":"),
            ("redirect", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
            ("endless head", "HTTP/1.1 200 OK\r\nX-A: " + new string('a', 200_000)),
        ];
        // Of the first call the status alone counts, and an engine that says it has started what it has not is given the time of a slow
        // start.
        return from call in calls
            from answer in answers
            where !(call is "/_ping" or "/start" && answer.Answer.StartsWith("HTTP/1.1 200 OK\r\nContent-Type", StringComparison.Ordinal))
            select new object[] { call, answer.Name, answer.Answer };
    }

    [TestMethod]
    [TestProperty("Case", "C3-29")]
    [Timeout(Minute, CooperativeCancellation = true)]
    [DynamicData(nameof(WrongAnswers), DynamicDataDisplayName = nameof(DisplayName))]
    public async Task EngineAnswersSomethingElse_IsAnEngineErrorAndNothingIsLeft(string call, string name, string answer)
    {
        using SandboxHost host = new() { Transport = TransportKind.Attach };
        using EngineShim shim = Shim(
            host,
            new EngineShim(host.Root)
            {
                Answer = line => line.Contains(call, StringComparison.Ordinal) ? Encoding.ASCII.GetBytes(answer) : null,
            }
        );
        AgentRunResult result = await host.RunAsync("echo ran > /output/ran", Token);
        context.WriteLine($"{name}: {result.Duration} {string.Join('\n', result.Diagnostics)}");
        Assert.AreEqual(Verdict.EngineError, result.Verdict, string.Join('\n', result.Diagnostics));
        Assert.IsLessThan(TimeSpan.FromSeconds(30), result.Duration);
        Assert.IsFalse(Directory.Exists(host.Output));
        Assert.IsFalse(result.Diagnostics[0].Message.Contains('\n', StringComparison.Ordinal));
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    public static string DisplayName(System.Reflection.MethodInfo method, object[] data) => $"{method.Name} ({data[0]}, {data[1]})";

    [TestMethod]
    [TestProperty("Case", "C3-26")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task RemovalHangs_ReturnsInTimeAndNamesWhatIsLeft()
    {
        using SandboxHost host = new() { Transport = TransportKind.Socket };
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using EngineShim shim = Shim(
            host,
            new EngineShim(host.Root)
            {
                Gate = line =>
                    line.StartsWith("DELETE ", StringComparison.Ordinal) || line.Contains("/kill", StringComparison.Ordinal)
                        ? gate.Task
                        : Task.CompletedTask,
            }
        );
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<AgentRunResult> running = host.RunPuppetAsync("sleep 600", cancel.Token);
        await host.WhenLineAsync("sleep");
        // A supervisor that does not answer must be removed by the engine, which does not do so either.
        string container = await host.ContainerIdAsync();
        string supervisor = await DockerCli.RunAsync(Token, "inspect", "--format", "{{.State.Pid}}", container);
        await HostProgram.RunAsync("kill", ["-STOP", supervisor], Token);
        await cancel.CancelAsync();
        AgentRunResult result = await running;
        AssertVerdict(Verdict.Cancelled, 130, result, DiagnosticTable.Cancelled);
        Assert.Contains($"The container '{container}' could not be removed: ", result.Diagnostics[1].Message);
        Assert.StartsWith("could not be removed", host.Events.OfType<ContainerRemoving>().Last().Status);
        Assert.IsLessThan(TimeSpan.FromSeconds(30), result.Duration);
        gate.SetResult();
        await DockerCli.WaitForRemovalAsync(result.SessionId, Token);
    }

    [TestMethod]
    [TestProperty("Case", "C3-27")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task EngineLosesEveryAnswerToWaiting_TheRunKnowsItsEndAllTheSame()
    {
        using SandboxHost host = new() { Transport = TransportKind.Socket };
        int asked = 0;
        using EngineShim shim = Shim(
            host,
            new EngineShim(host.Root)
            {
                Answer = line =>
                {
                    if (!line.Contains("/wait", StringComparison.Ordinal))
                    {
                        return null;
                    }

                    Interlocked.Increment(ref asked);
                    return [];
                },
            }
        );
        AgentRunResult result = await host.RunAsync("sleep 2; exit 7", Token);
        AssertVerdict(Verdict.AgentFailed, 1, result, DiagnosticTable.AgentExitCode);
        Assert.AreEqual(7, result.AgentExitCode);
        Assert.IsGreaterThan(0, asked);
        Assert.IsLessThan(50, asked, string.Create(CultureInfo.InvariantCulture, $"asked {asked} times in two seconds"));
    }

    private static EngineShim Shim(SandboxHost host, EngineShim shim)
    {
        host.Environment["DOCKER_HOST"] = shim.Address;
        return shim;
    }
}
