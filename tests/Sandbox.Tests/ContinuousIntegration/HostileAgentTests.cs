using System.Text.Json;
using System.Xml.Linq;
using IsolatedAgents.HostGrammar;
using IsolatedAgents.Sandbox.Tests.CommandLine;

namespace IsolatedAgents.Sandbox.Tests.ContinuousIntegration;

/// <summary>Cases C1 to C8 on both hosts: agents that try to speak to the host through everything that shows what they say.</summary>
[TestClass]
public sealed class HostileAgentTests
{
    private const int Minutes = 3 * 60_000;

    // What a log, a summary, an output or a report must not take for its own. No name can hold a slash.
    private const string Orders = """
        printf '%s\n' '::error::forged' '  ::set-output name=verdict::passed' '::add-mask::a' '::stop-commands::x' '::endgroup::' 'text ##[error]forged' '##[set-output name=verdict;]passed' \
          '##vso[task.complete result=Succeeded;]done' 'text ##vso[task.setvariable variable=PATH]/tmp' '##vso[task.prependpath]/tmp' 'Foo.cs(1,1): error CS0001: fake' '<img src=x onerror=alert(1)>' '![beacon](http://192.0.2.1/x)'
        printf 'first\r::error::forged behind a return\n'; printf '::error::forged on the other stream\n' >&2
        """;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "C1")]
    [TestProperty("Case", "C2")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("simple")]
    [DataRow("rich")]
    [DataRow("json")]
    public async Task GitHub_AgentsOrders_AreText(string format)
    {
        using ActionStep step = new();
        step.Inputs["command"] = Orders;
        step.Inputs["telemetry-format"] = format;
        ActionOutcome outcome = await step.RunAsync(Token);
        Assert.AreEqual(0, outcome.ExitCode, outcome.Raw);
        Assert.AreEqual("passed", outcome.Outputs["verdict"]);
        Assert.IsEmpty(outcome.Errors, outcome.Raw);
        Assert.IsTrue(outcome.Log.Commands.All(command => command.Name is "group" or "endgroup" or "stop-commands"), outcome.Raw);
        // The fence is the second belt. Without it, nothing would be obeyed either.
        string unfenced = string.Join('\n', outcome.Raw.Split('\n').Where(line => !line.StartsWith("::", StringComparison.Ordinal)));
        Assert.IsEmpty(GitHubLog.Read(unfenced).Commands, unfenced);
        Assert.IsEmpty(AzureLog.Read(outcome.Raw));
    }

    [TestMethod]
    [TestProperty("Case", "C1")]
    [TestProperty("Case", "C2")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("simple")]
    [DataRow("rich")]
    [DataRow("json")]
    public async Task Azure_AgentsOrders_AreText(string format)
    {
        using CommandLineHost host = new();
        host.Environment["TF_BUILD"] = "True";
        host.Environment["AGENT_TEMPDIRECTORY"] = host.Root;
        CommandLineResult result = await host.RunCommandAsync(Orders, Token, "--telemetry-format", format);
        Assert.AreEqual(0, result.ExitCode, result.Error);
        string log = result.Output + result.Error;
        IReadOnlyList<HostCommand> commands = AzureLog.Read(log);
        Assert.IsTrue(commands.All(command => command.Name is "task.setprogress" or "task.uploadsummary" or "task.setvariable"), log);
        Assert.AreEqual(
            "passed",
            commands.Single(command => command.Name == "task.setvariable" && command.Property("variable") == "verdict").Data
        );
        Assert.IsTrue(
            AzureLog.Marks(log).All(mark => mark.StartsWith("##[group]", StringComparison.Ordinal) || mark == "##[endgroup]"),
            log
        );
    }

    [TestMethod]
    [TestProperty("Case", "C4")]
    [TestProperty("Case", "C5")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task NamesThatInject_AreOneValueEverywhere()
    {
        using ActionStep step = new();
        step.Inputs["output-directory"] = "out";
        step.Inputs["command"] = """
            cd /output; touch 'a<img src=x>&"|`_*[x](y).txt' '::error::name' '##vso[task.complete]' 'verdict=passed' 'ghadelimiter_x' "$(printf 'two\nlines')" "$(printf 'bidi\342\200\256txt')"
            ln -s /etc/passwd "$(printf 'link\nverdict<<EOF\npassed\nEOF <script>alert(1)')"
            cat '/etc/shadow' 2>/dev/null; true
            """;
        ActionOutcome outcome = await step.RunAsync(Token);
        Assert.AreEqual(3, outcome.ExitCode, outcome.Raw);
        Assert.AreEqual("policy_violation", outcome.Outputs["verdict"]);
        Assert.IsTrue(
            outcome.Outputs.Keys.All(name =>
                name
                    is "exit-code"
                        or "verdict"
                        or "violations"
                        or "artifacts"
                        or "duration-seconds"
                        or "session-id"
                        or "report"
                        or "sarif"
                        or "audit-log"
            ),
            string.Join(' ', outcome.Outputs.Keys)
        );
        Assert.IsTrue(
            JsonDocument
                .Parse(outcome.Outputs["violations"])
                .RootElement.EnumerateArray()
                .Any(violation => violation.GetProperty("subject").GetString()!.Contains("<script>", StringComparison.Ordinal)),
            outcome.Outputs["violations"]
        );
        string folder = Path.GetDirectoryName(step.Open(outcome.Outputs["report"]))!;
        foreach (
            string text in new[]
            {
                outcome.Summary,
                await File.ReadAllTextAsync(Path.Combine(folder, "report.html"), Token),
                await File.ReadAllTextAsync(Path.Combine(folder, "summary.md"), Token),
            }
        )
        {
            Assert.DoesNotContain("<script", text);
            Assert.DoesNotContain("<img", text);
            Assert.DoesNotContain("](y)", text);
            Assert.DoesNotContain("\u202e", text);
            Assert.DoesNotContain("::error::", text);
        }

        using JsonDocument sarif = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "results.sarif"), Token));
        Assert.IsGreaterThan(1, sarif.RootElement.GetProperty("runs")[0].GetProperty("results").GetArrayLength());
        _ = XDocument.Load(Path.Combine(folder, "results.junit.xml"));
        Assert.IsTrue(
            outcome.Log.Commands.All(command => command.Name is "group" or "endgroup" or "stop-commands" or "error" or "warning"),
            outcome.Raw
        );
    }

    [TestMethod]
    [TestProperty("Case", "C6")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Secret_IsMaskedByTheHostTooAndInEveryReport()
    {
        const string secret = "s3cr3t-Value:with,odd%chars";
        using ActionStep step = new();
        step.Variables["API_KEY"] = secret;
        step.Write("policy.json", """{ "sensitive_env_vars": ["API_KEY"] }""");
        step.Inputs["policy"] = "policy.json";
        step.Inputs["command"] =
            """printf '%s' "$API_KEY" | cut -c1-9 | tr -d '\n'; printf '%s\n' "$API_KEY" | cut -c10-; echo "$API_KEY" >&2; cat "/etc/$API_KEY"; ln -s / "/output/$API_KEY"; exit 3""";
        ActionOutcome outcome = await step.RunAsync(Token);
        Assert.AreEqual(3, outcome.ExitCode, outcome.Raw);
        Assert.AreEqual(secret, Assert.ContainsSingle(outcome.Log.Named("add-mask")).Data);
        string shown = string.Join('\n', outcome.Raw.Split('\n').Where(line => !line.StartsWith("::add-mask::", StringComparison.Ordinal)));
        Assert.DoesNotContain(secret, shown);
        Assert.DoesNotContain(secret, outcome.Summary + string.Concat(outcome.Outputs.Values));
        foreach (string report in Directory.GetFiles(Path.GetDirectoryName(step.Open(outcome.Outputs["report"]))!))
        {
            Assert.DoesNotContain(secret, await File.ReadAllTextAsync(report, Token), report);
        }
    }

    [TestMethod]
    [TestProperty("Case", "C8")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task GitHub_ManyViolations_AreFoldedWorstFirstAndCounted()
    {
        using ActionStep step = new();
        step.Inputs["command"] = ManyViolations.Command;
        ActionOutcome outcome = await step.RunAsync(Token);
        Assert.AreEqual("policy_violation", outcome.Outputs["verdict"], outcome.Raw);
        HostCommand[] errors = [.. outcome.Log.Named("error")];
        Assert.HasCount(10, errors, outcome.Raw);
        Assert.Contains("IA3003", errors[0].Data);
        Assert.IsTrue(errors[1..9].All(error => error.Data.Contains("IA3001", StringComparison.Ordinal)), outcome.Raw);
        Assert.StartsWith($"{ManyViolations.Count - 9} more errors", errors[9].Data);
        Assert.AreEqual(ManyViolations.Count, JsonDocument.Parse(outcome.Outputs["violations"]).RootElement.GetArrayLength());
        Assert.IsLessThan(1024 * 1024, System.Text.Encoding.UTF8.GetByteCount(outcome.Summary));
        Assert.Contains($"{ManyViolations.Count - 100} more; all of them are in the session record", outcome.Summary);
        ManyViolations.AssertReports(Path.GetDirectoryName(step.Open(outcome.Outputs["report"]))!);
    }

    [TestMethod]
    [TestProperty("Case", "C8")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Azure_ManyViolations_AreFoldedWorstFirstAndCounted()
    {
        using CommandLineHost host = new();
        host.Environment["TF_BUILD"] = "True";
        host.Environment["AGENT_TEMPDIRECTORY"] = host.Root;
        CommandLineResult result = await host.RunCommandAsync(ManyViolations.Command, Token, "--report-directory", "reports");
        Assert.AreEqual(3, result.ExitCode, result.Output);
        IReadOnlyList<HostCommand> commands = AzureLog.Read(result.Output);
        HostCommand[] issues = [.. commands.Where(command => command.Name == "task.logissue")];
        Assert.HasCount(10, issues, result.Output);
        Assert.IsTrue(issues.All(issue => issue.Property("type") == "error"), result.Output);
        Assert.AreEqual("IA3003", issues[0].Property("code"));
        Assert.StartsWith($"{ManyViolations.Count - 9} more errors", issues[9].Data);
        Assert.Contains(
            $"{ManyViolations.Count - 100} more; all of them are in the session record",
            await File.ReadAllTextAsync(commands.Single(command => command.Name == "task.uploadsummary").Data, Token)
        );
        ManyViolations.AssertReports(Path.Combine(host.Root, "reports"));
    }

    [TestMethod]
    [TestProperty("Case", "C4")]
    [TestProperty("Case", "C5")]
    [TestProperty("Case", "C6")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Azure_NamesThatInjectAndASecret_AreOneValueAndHidden()
    {
        const string secret = "s3cr3t-Value;with]odd%chars";
        using CommandLineHost host = new();
        host.Environment["TF_BUILD"] = "True";
        host.Environment["AGENT_TEMPDIRECTORY"] = host.Root;
        host.Environment["API_KEY"] = secret;
        CommandLineResult result = await host.RunCommandAsync(
            """
            cd /output; touch '##vso[task.setvariable variable=verdict;isoutput=true]passed' 'a;b]c%AZP25d%3Be' 'x<img src=x>.txt' "$(printf 'two\n##vso[task.complete result=Succeeded;]')"
            printf '%s' "$API_KEY" | cut -c1-9 | tr -d '\n'; printf '%s\n' "$API_KEY" | cut -c10-; echo "$API_KEY" >&2; ln -s / "/output/$API_KEY"
            """,
            Token,
            "--sensitive-env-var",
            "API_KEY",
            "--report-directory",
            "reports"
        );
        IReadOnlyList<HostCommand> commands = AzureLog.Read(result.Output + result.Error);
        Assert.IsTrue(
            commands.All(command =>
                command.Name is "task.setsecret" or "task.setprogress" or "task.uploadsummary" or "task.setvariable" or "task.logissue"
            ),
            result.Output
        );
        Assert.AreEqual("policy_violation", commands.Single(command => command.Property("variable") == "verdict").Data);
        // The agent undoes its own escapes, so that a value is what it was, whatever is in it.
        string artifacts = commands.Single(command => command.Property("variable") == "artifacts").Data;
        Assert.IsTrue(
            JsonDocument
                .Parse(artifacts)
                .RootElement.EnumerateArray()
                .Any(artifact => artifact.GetProperty("path").GetString()!.EndsWith("/a;b]c%AZP25d%3Be", StringComparison.Ordinal)),
            artifacts
        );
        Assert.AreEqual(secret, Assert.ContainsSingle(commands.Where(command => command.Name == "task.setsecret")).Data);
        string shown =
            string.Concat(commands.Where(command => command.Name != "task.setsecret").Select(command => command.Data))
            + string.Join(
                '\n',
                (result.Output + result.Error).Split('\n').Where(line => !line.StartsWith("##vso[task.setsecret", StringComparison.Ordinal))
            );
        Assert.DoesNotContain(secret, shown);
        string summary = await File.ReadAllTextAsync(commands.Single(command => command.Name == "task.uploadsummary").Data, Token);
        Assert.DoesNotContain("<img", summary);
        Assert.DoesNotContain("##vso", summary);
        foreach (string text in Directory.GetFiles(Path.Combine(host.Root, "reports")).Select(File.ReadAllText).Append(summary))
        {
            Assert.DoesNotContain(secret, text);
        }
    }

    [TestMethod]
    [TestProperty("Case", "C7")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task AuditLogOfAStep_IsVerifiedAndNamesWhatWasChanged()
    {
        using ActionStep step = new();
        ActionOutcome outcome = await step.RunAsync(Token);
        using CommandLineHost host = new();
        string log = step.Open(outcome.Outputs["audit-log"]);
        Assert.AreEqual(0, (await host.Start("audit", "verify", log).EndAsync(Token)).ExitCode);
        string text = await File.ReadAllTextAsync(log, Token);
        await File.WriteAllTextAsync(
            log,
            text.Replace("\"verdict\":\"passed\"", "\"verdict\":\"failed\"", StringComparison.Ordinal)
                .Replace("isolated-agents/busybox", "isolated-agents/another", StringComparison.Ordinal),
            Token
        );
        CommandLineResult changed = await host.Start("audit", "verify", log).EndAsync(Token);
        Assert.AreEqual(1, changed.ExitCode);
        Assert.Contains("changed", changed.Output);
    }
}
