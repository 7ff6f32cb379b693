using System.Reflection;
using System.Xml.Linq;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Events.Streaming;
using IsolatedAgents.Execution;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Keys;
using IsolatedAgents.Runs;
using IsolatedAgents.Telemetry;
using IsolatedAgents.Text.Masking;
using Microsoft.Build.Framework;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Tasks;

[TestClass]
public sealed class RunIsolatedAgentTests
{
    private static readonly string ProjectFile = Path.Combine(Path.GetTempPath(), "project", "app.csproj");

    private readonly RecordingEngine _engine = new(ProjectFile);

    private AgentRunRequest? _request;

    public required TestContext TestContext { get; init; }

    [TestMethod]
    public void Properties_Always_CoverEveryPolicyKey()
    {
        foreach (PolicyKey key in PolicyKeys.All)
        {
            PropertyInfo? property = typeof(RunIsolatedAgent).GetProperty(key.PascalName);

            Assert.IsNotNull(property, key.PascalName);
            Assert.AreEqual(key.TakesMany ? typeof(string[]) : typeof(string), property.PropertyType, key.PascalName);
        }
    }

    [TestMethod]
    public void Targets_Always_PassEveryParameterOfTheStep()
    {
        XElement step = XDocument
            .Load(Path.Combine(AppContext.BaseDirectory, "IsolatedAgents.Tasks.targets"))
            .Descendants()
            .Single(element => element.Name.LocalName == "RunIsolatedAgent");
        string[] passed = [.. step.Attributes().Select(attribute => attribute.Name.LocalName).Order(StringComparer.Ordinal)];
        string[] parameters =
        [
            .. typeof(RunIsolatedAgent)
                .GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
                .Where(property => property.GetCustomAttribute<OutputAttribute>() is null)
                .Select(property => property.Name)
                .Order(StringComparer.Ordinal),
        ];

        Assert.AreEqual(string.Join('\n', parameters), string.Join('\n', passed));
    }

    [TestMethod]
    public void Execute_PolicyParameters_BecomeOverridesOfTheirKeys()
    {
        string[] list = ["a", "b"];
        foreach (PolicyKey key in PolicyKeys.All)
        {
            using RunIsolatedAgent task = Task(Passed());
            typeof(RunIsolatedAgent).GetProperty(key.PascalName)!.SetValue(task, key.TakesMany ? list : "a");
            task.Execute();

            PolicyOverride parameter = _request!.PolicyOverrides.Single();
            Assert.AreEqual(key.Name, parameter.Key);
            Assert.AreEqual(key.PascalName, parameter.ParameterName);
            Assert.AreEqual(key.TakesMany ? "a,b" : "a", string.Join(',', parameter.Values));
        }
    }

    [TestMethod]
    public void Execute_EmptyParameters_AreNotGiven()
    {
        using RunIsolatedAgent task = Task(Passed());
        task.MemoryMb = "";
        task.AllowedEndpoints = [];
        task.Image = "";
        task.Execute();

        Assert.IsEmpty(_request!.PolicyOverrides);
        Assert.IsNull(_request.Image);
    }

    [TestMethod]
    public void Execute_Parameters_ReachTheRequest()
    {
        using RunIsolatedAgent task = Task(Passed());
        task.Agent = "agents/review.py";
        task.Arguments = ["a", "b"];
        task.Engine = "Podman";
        task.Environment = ["TOKEN"];
        task.Execute();

        Assert.AreEqual("agents/review.py", _request!.Agent);
        Assert.AreEqual("a b", string.Join(' ', _request.Arguments));
        Assert.AreEqual(EngineKind.Podman, _request.Engine);
        Assert.AreEqual("TOKEN", _request.Environment.Single());
        Assert.AreEqual(Path.GetDirectoryName(ProjectFile), _request.BaseDirectory);
        Assert.IsTrue(_request.HostEnvironment.ContainsKey("PATH"));
    }

    [TestMethod]
    public void Execute_UnknownEngine_IsAnErrorWithOutputs()
    {
        using RunIsolatedAgent task = Task(Passed());
        task.Engine = "embedded";

        Assert.IsFalse(task.Execute());
        Assert.AreEqual("IA1003", _engine.Errors.Single().Code);
        Assert.AreEqual("configuration_error", task.Verdict);
        Assert.AreEqual(2, task.ExitCode);
    }

    [TestMethod]
    public void Execute_Diagnostics_BecomeOneErrorOrWarningEach()
    {
        var result = new AgentRunResult
        {
            Verdict = Verdict.PolicyViolation,
            AgentExitCode = 0,
            SessionId = "s-1",
            Duration = TimeSpan.FromSeconds(1.5),
            Violations = [new Violation(ViolationKind.Network, "network.allowed_endpoints", "evil.test:443;x", "Not allowed", "Denied")],
            Artifacts = [new Artifact("/out/a%20b;c.txt", "a%20b;c.txt", 12, "00ff")],
            Diagnostics =
            [
                new Diagnostic("IA3002", DiagnosticSeverity.Error, "Connection to 'evil{0}.test' denied")
                {
                    File = "policy.json",
                    Line = 12,
                    Column = 7,
                },
                new Diagnostic("IA4001", DiagnosticSeverity.Warning, "Near the limit"),
            ],
        };
        using RunIsolatedAgent task = Task(
            result,
            new ViolationNetwork("evil.test", 443, "Not allowed", "Denied"),
            new SessionFailed("policy_violation", TimeSpan.Zero, 3)
        );

        Assert.IsFalse(task.Execute());

        BuildErrorEventArgs error = _engine.Errors.Single();
        Assert.AreEqual(
            ("IA3002", Path.Combine(Path.GetDirectoryName(ProjectFile)!, "policy.json"), 12, 7),
            (error.Code, error.File, error.LineNumber, error.ColumnNumber)
        );
        Assert.AreEqual("Connection to 'evil{0}.test' denied", error.Message);
        Assert.AreEqual(DiagnosticTable.HelpLink("IA3002"), error.HelpLink);
        Assert.IsTrue(string.IsNullOrEmpty(error.Subcategory));
        BuildWarningEventArgs warning = _engine.Warnings.Single();
        Assert.AreEqual(("IA4001", ProjectFile), (warning.Code, warning.File));
        Assert.AreEqual(("policy_violation", 0, "1.5", "s-1"), (task.Verdict, task.ExitCode, task.Duration, task.SessionId));
        Assert.AreEqual("evil.test:443;x", task.Violations.Single().ItemSpec);
        Assert.AreEqual("network", task.Violations.Single().GetMetadata("Kind"));
        Assert.AreEqual("/out/a%20b;c.txt", task.Artifacts.Single().ItemSpec);
        Assert.AreEqual("a%20b;c.txt", task.Artifacts.Single().GetMetadata("Name"));
        Assert.AreEqual("12", task.Artifacts.Single().GetMetadata("Size"));
    }

    [TestMethod]
    public void Execute_FailureWithoutReason_IsStillAnError()
    {
        using RunIsolatedAgent task = Task(new AgentRunResult { Verdict = Verdict.Timeout });

        Assert.IsFalse(task.Execute());
        Assert.HasCount(1, _engine.Errors);
    }

    [TestMethod]
    [DataRow("Foo.cs(1,1): error CS0001: fake", "| Foo.cs(1,1): \\error CS0001: fake")]
    [DataRow("warning MSB3277: fake", "| \\warning MSB3277: fake")]
    [DataRow("::error::pwned", "| :\\:\\error::pwned")]
    [DataRow("##vso[task.complete result=Succeeded;]", "| #\\#vso[task.complete result=Succeeded;]")]
    [DataRow("{0} {", "| {0} {")]
    [DataRow("a\nerror CS1: b", "| a\\u000A\\error CS1: b")]
    public void Execute_ForgedLine_IsAPlainMessage(string line, string expected)
    {
        using RunIsolatedAgent task = Task(Passed(), new AgentOutput(OutputStream.Standard, line, false));

        Assert.IsTrue(task.Execute());
        Assert.AreEqual((expected, MessageImportance.High), (_engine.Messages.Single().Message, _engine.Messages.Single().Importance));
    }

    [TestMethod]
    public void Execute_Events_AreMessagesOfTheirImportance()
    {
        using RunIsolatedAgent task = Task(
            Passed(),
            new ProcessStarted("ls", 7),
            new FileRead("/workspace/a"),
            new AgentStarting("run"),
            new ResourceCpuHigh(95, 90, "Monitoring"),
            new SessionFailed("x", TimeSpan.Zero, 1)
        );
        task.TelemetryLevel = "DEBUG";
        task.Execute();

        Assert.AreEqual("Low Normal High High High", string.Join(' ', _engine.Messages.Select(message => message.Importance)));
        Assert.AreEqual("agent.starting Starting agent execution... command=run", _engine.Messages[2].Message);
        Assert.IsEmpty(_engine.Errors);
        Assert.IsEmpty(_engine.Warnings);
    }

    [TestMethod]
    [DataRow("json", "{\"timestamp\":")]
    [DataRow("rich", "[")]
    public void Execute_OtherFormat_IsHonoured(string format, string start)
    {
        using RunIsolatedAgent task = Task(Passed(), new AgentStarting("run"));
        task.TelemetryFormat = format;
        task.Execute();

        Assert.StartsWith(start, _engine.Messages.Single().Message!);
        Assert.DoesNotContain('\e', _engine.Messages.Single().Message!);
    }

    [TestMethod]
    public void Execute_Level_HidesWhatIsBelow()
    {
        using RunIsolatedAgent task = Task(Passed(), new AgentStarting("run"), new ResourceCpuHigh(95, 90, "Monitoring"));
        task.TelemetryLevel = "WARNING";
        task.Execute();

        Assert.HasCount(1, _engine.Messages);
    }

    [TestMethod]
    [Timeout(30_000)]
    public async Task Cancel_Storm_EndsTheRunOnce()
    {
        var started = new TaskCompletionSource();
        int cancellations = 0;
        var task = new RunIsolatedAgent
        {
            BuildEngine = _engine,
            PrepareRun = (_, _, _) => Prepared(TelemetrySettings.Default, async (_, token) =>
                {
                    var cancelled = new TaskCompletionSource();
                    using CancellationTokenRegistration registration = token.Register(() =>
                    {
                        Interlocked.Increment(ref cancellations);
                        cancelled.SetResult();
                    });
                    started.SetResult();
                    await cancelled.Task;
                    return new AgentRunResult
                    {
                        Verdict = Verdict.Cancelled,
                        Diagnostics = [new Diagnostic("IA7001", DiagnosticSeverity.Error, "Cancelled")],
                    };
                }),
        };
        Task<bool> running = System.Threading.Tasks.Task.Run(task.Execute, TestContext.CancellationToken);
        await started.Task;

        Parallel.For(0, 1000, _ => task.Cancel());

        Assert.IsFalse(await running);
        Assert.AreEqual(1, cancellations);
        Assert.AreEqual("IA7001", _engine.Errors.Single().Code);
        task.Dispose();
        task.Cancel();
    }

    [TestMethod]
    public void Cancel_BeforeExecuteOrAfterDisposal_DoesNotThrow()
    {
        using RunIsolatedAgent early = Task(Passed());
        early.Cancel();
        early.Execute();

        var late = new RunIsolatedAgent();
        late.Dispose();
        late.Cancel();
    }

    private static AgentRunResult Passed() => new() { Verdict = Verdict.Passed, AgentExitCode = 0 };

    private RunIsolatedAgent Task(AgentRunResult result, params TelemetryEvent[] events) =>
        new() { BuildEngine = _engine, PrepareRun = (request, _, _) => Prepared(TelemetryOf(request), async (loggers, _) =>
                {
                    _request = request;
                    await using var stream = new EventStream(
                        "s-1",
                        SecretMasker.None,
                        new SteadyClock(TimeProvider.System),
                        [new LoggerSink(loggers.CreateLogger(LoggerSink.Category))]
                    );
                    foreach (TelemetryEvent telemetryEvent in events)
                    {
                        stream.Raise(telemetryEvent);
                    }

                    await stream.CompleteAsync();
                    return result;
                }) };

    private static TelemetrySettings TelemetryOf(AgentRunRequest request)
    {
        try
        {
            return TelemetrySettings.Of(RunResolver.LoadPolicy(request).Policy);
        }
        catch (ConfigurationException)
        {
            return TelemetrySettings.Default;
        }
    }

    private static Task<PreparedRun> Prepared(
        TelemetrySettings telemetry,
        Func<ILoggerFactory, CancellationToken, Task<AgentRunResult>> run
    ) =>
        System.Threading.Tasks.Task.FromResult(
            new PreparedRun(telemetry, [], async (loggers, token) => new RunOutcome(await run(loggers, token)))
        );
}
