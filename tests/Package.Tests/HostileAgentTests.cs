using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using IsolatedAgents.HostGrammar;
using Microsoft.Build.Framework;

namespace IsolatedAgents.Package.Tests;

/// <summary>
/// Cases C1 to C8 in real builds on either host: what an agent says, names and hides is in the build's log, in the binary log, in the
/// summary and in the reports, and orders nobody about.
/// </summary>
[TestClass]
public sealed class HostileAgentTests
{
    private const int Minutes = 180_000;
    private const string Busybox = $"Image=\"{ConsumerProject.BusyboxImage}\"";

    // In the agent's own file, since a target's text has escapes of its own.
    private const string Orders = """
        printf '%s\n' '::error::forged' '  ::set-output name=verdict::passed' '::add-mask::a' '::stop-commands::x' 'text ##[error]forged' '##vso[task.complete result=Succeeded;]done' \
          'text ##vso[task.setvariable variable=PATH]/tmp' 'Foo.cs(1,1): error CS0001: fake' 'MSBUILD : error MSB1234: fake' 'CSC : warning CS0002: fake' 'error: fake' '%0A::error::forged'
        printf 'first\r::error::forged\n'; printf 'Foo.cs(2,2): error CS0003: fake\n::error::forged\n' >&2
        """;

    private const string Names = """
        cd /output; touch 'a<img src=x>&`_*[x](y).txt' '::error::name' '##vso[task.complete]' '%(Identity);@(Compile)$(HOME)' "$(printf 'two\nFoo.cs(1,1): error CS0001: fake')" "$(printf 'bidi\342\200\256txt')"
        ln -s /etc/passwd "$(printf 'link\n::error::<script>alert(1)')"
        """;

    private const string TellSecret = """
        printf '%s' "$API_KEY" | cut -c1-9 | tr -d '\n'; printf '%s\n' "$API_KEY" | cut -c10-; echo "$API_KEY" >&2; echo -n "$API_KEY" | base64; ln -s / "/output/$API_KEY"; exit 3
        """;

    // 120 files that may not be written, and at last what is told first, a forbidden system call.
    private const string ManyViolations =
        "for i in $(seq 1 120); do echo x > /etc/made-$i; done 2>/dev/null; unshare -n true 2>/dev/null; true";

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "C1")]
    [TestProperty("Case", "C2")]
    [TestProperty("Case", "C3")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("github", "simple")]
    [DataRow("github", "json")]
    [DataRow("azure", "rich")]
    public async Task AgentsOrders_AreMessages(string host, string format)
    {
        using ConsumerProject project = Project(host, Orders, $"TelemetryFormat=\"{format}\"");
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertPassed();
        Assert.AreEqual("passed", project.Output("Verdict").Single());
        Assert.IsEmpty(GitHubLog.Read(build.Text).Commands, build.Text);
        Assert.IsTrue(AzureLog.Read(build.Text).All(command => command.Name == "task.uploadsummary"), build.Text);
        Assert.Contains("CS0001: fake", build.Text);
    }

    [TestMethod]
    [TestProperty("Case", "C4")]
    [TestProperty("Case", "C5")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("github")]
    [DataRow("azure")]
    public async Task NamesThatInject_AreOneValueEverywhere(string host)
    {
        using ConsumerProject project = Project(host, Names, "OutputDirectory=\"out\" ReportDirectory=\"report\"");
        BuildOutcome build = await project.BuildStepAsync(Token);

        // The link, and the name of two lines.
        Assert.HasCount(2, build.Errors, build.Text);
        Assert.IsTrue(
            build.Errors.All(error => error.Code == "IA3004" && error.File == project.PathOf(PackageFeed.ProjectName)),
            build.Text
        );
        Assert.IsEmpty(build.Warnings, build.Text);
        Assert.IsEmpty(GitHubLog.Read(build.Text).Commands, build.Text);
        HostCommand[] commands = [.. AzureLog.Read(build.Text)];
        Assert.IsTrue(commands.All(command => command.Name == "task.uploadsummary"), build.Text);
        // What MSBuild would expand is the name, and nothing else.
        Assert.IsTrue(
            project.Output("Artifact").Any(artifact => artifact.Contains("|%(Identity);@(Compile)$(HOME)|0|", StringComparison.Ordinal)),
            project.Read("step.txt")
        );
        Assert.IsTrue(File.Exists(project.PathOf("out/%(Identity);@(Compile)$(HOME)")));
        string summary =
            host == "azure" ? await File.ReadAllTextAsync(Assert.ContainsSingle(commands).Data, Token) : project.Read("summary.md");
        foreach (string text in new[] { summary, project.Read("report/report.html"), project.Read("report/summary.md") })
        {
            foreach (string markup in new[] { "<script", "<img", "](y)", "\u202e", "::error::", "##vso" })
            {
                Assert.DoesNotContain(markup, text);
            }
        }
    }

    [TestMethod]
    [TestProperty("Case", "C6")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("github")]
    [DataRow("azure")]
    public async Task Secret_IsInNoLogAndInNoReport(string host)
    {
        const string secret = "s3cr3t-Value:with,odd%chars";
        using ConsumerProject project = Project(
            host,
            TellSecret,
            "SensitiveEnvVars=\"API_KEY\" ReportDirectory=\"report\" AuditLog=\"audit.jsonl\""
        );
        project.Environment["API_KEY"] = secret;
        BuildOutcome build = await project.BuildStepAsync(Token);

        Assert.AreEqual(1, build.ExitCode, build.Text);
        string summary =
            host == "azure"
                ? await File.ReadAllTextAsync(Assert.ContainsSingle(AzureLog.Read(build.Text)).Data, Token)
                : project.Read("summary.md");
        string[] told =
        [
            build.Text,
            summary,
            project.Read("step.txt"),
            project.Read("audit.jsonl"),
            .. build.Messages,
            .. build.Errors.Select(error => error.Message ?? ""),
            .. Directory.GetFiles(project.PathOf("report")).Select(File.ReadAllText),
        ];
        string encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes(secret));
        foreach (string text in told)
        {
            Assert.DoesNotContain(secret, text);
            Assert.DoesNotContain(encoded, text);
        }
    }

    [TestMethod]
    [TestProperty("Case", "C7")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task AuditLogOfABuild_IsAWholeChain_WhoseHeadTheBuildNames()
    {
        using ConsumerProject project = Project("github", "echo hello", "AuditLog=\"audit.jsonl\"");
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertPassed();
        // By the book, and without the code that wrote it: each line ends in the hash of the one before and in its own, of all that stands
        // before it.
        string head = new('0', 64);
        string[] lines = await File.ReadAllLinesAsync(project.PathOf("audit.jsonl"), Token);
        foreach (string line in lines)
        {
            int own = line.LastIndexOf("\",\"audit.hash\":\"", StringComparison.Ordinal);
            Assert.AreEqual(head, line[(own - 64)..own]);
            head = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(line[..own])));
            Assert.EndsWith($"{head}\"}}", line);
        }

        Assert.AreEqual("audit.opened", JsonDocument.Parse(lines[0]).RootElement.GetProperty("event.name").GetString());
        Assert.AreEqual("passed", JsonDocument.Parse(lines[^1]).RootElement.GetProperty("isolated_agents.verdict").GetString());
        Assert.AreEqual(head, project.Output("AuditHead").Single());
    }

    [TestMethod]
    [TestProperty("Case", "C8")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("github")]
    [DataRow("azure")]
    public async Task ManyViolations_AreTenErrorsWorstFirstAndACount(string host)
    {
        using ConsumerProject project = Project(host, ManyViolations, "ReportDirectory=\"report\"");
        BuildOutcome build = await project.BuildStepAsync(Token);

        Assert.AreEqual(1, build.ExitCode, build.Text);
        Assert.HasCount(10, build.Errors, build.Text);
        Assert.AreEqual("IA3003", build.Errors[0].Code);
        Assert.IsTrue(build.Errors.Skip(1).All(error => error.Code == "IA3001"), build.Text);
        Assert.Contains("111 more violations", Assert.ContainsSingle(build.Warnings).Message!);
        AssertCanonicalOnce(build);
        Assert.HasCount(121, project.Output("Violation"));
        string summary =
            host == "azure"
                ? await File.ReadAllTextAsync(Assert.ContainsSingle(AzureLog.Read(build.Text)).Data, Token)
                : project.Read("summary.md");
        Assert.Contains("policy\\_violation", summary);
        Assert.Contains("21 more; all of them are in the session record", summary);
        Assert.AreEqual(
            121,
            JsonDocument
                .Parse(project.Read("report/results.sarif"))
                .RootElement.GetProperty("runs")[0]
                .GetProperty("results")
                .GetArrayLength()
        );
    }

    // A host finds errors and warnings of a build by their form: "place: error CODE: text". A build shows each where it happens, and once
    // more in what it closes with; the host takes equal ones for one.
    private static void AssertCanonicalOnce(BuildOutcome build)
    {
        string[] canonical =
        [
            .. build
                .Lines.Select(line => line.Trim())
                .Where(line =>
                    line.Contains(": error IA", StringComparison.Ordinal) || line.Contains(": warning IA", StringComparison.Ordinal)
                )
                .Distinct(),
        ];
        Assert.HasCount(11, canonical, build.Text);
        Assert.IsTrue(canonical.All(line => line.Contains(".csproj(", StringComparison.Ordinal)), build.Text);
        Assert.IsEmpty(GitHubLog.Read(build.Text).Commands, build.Text);
        Assert.IsTrue(AzureLog.Read(build.Text).All(command => command.Name == "task.uploadsummary"), build.Text);
        Assert.IsTrue(build.Errors.All(error => error is BuildErrorEventArgs { File: not null, LineNumber: > 0 }));
    }

    private static ConsumerProject Project(string host, string script, string attributes)
    {
        ConsumerProject project = new(ConsumerProject.Step($"Agent=\"agent.sh\" {attributes} {Busybox}"));
        project.Write("agent.sh", $"#!/bin/sh\n{script.ReplaceLineEndings("\n")}\n");
        if (host == "azure")
        {
            project.Environment["TF_BUILD"] = "True";
            project.Environment["AGENT_TEMPDIRECTORY"] = project.Folder;
        }
        else
        {
            project.Environment["GITHUB_ACTIONS"] = "true";
            project.Environment["GITHUB_STEP_SUMMARY"] = project.PathOf("summary.md");
            project.Write("summary.md", "before");
        }

        return project;
    }
}
