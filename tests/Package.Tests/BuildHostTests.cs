using IsolatedAgents.HostGrammar;

namespace IsolatedAgents.Package.Tests;

/// <summary>
/// Real builds on either host: each error once, in the form that the host reads from a build, the summary where it takes one, and nothing
/// of the agent's obeyed.
/// </summary>
[TestClass]
public sealed class BuildHostTests
{
    private const int Minutes = 120_000;
    private const string Orders =
        "printf '%s\\n' '::error::forged' '##[error]forged' '##vso[task.complete result=Succeeded;]' 'Foo.cs(1,1): error CS0001: fake'; exit 3";

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_OnGitHub_AppendsTheSummaryAndRepeatsNoError()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step($"Command=\"{Xml(Orders)}\" Image=\"{ConsumerProject.BusyboxImage}\" ReportDirectory=\"report\"")
        );
        project.Environment["GITHUB_ACTIONS"] = "true";
        project.Environment["GITHUB_STEP_SUMMARY"] = project.PathOf("summary.md");
        project.Write("summary.md", "before");
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed("IA6001", project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        Assert.IsEmpty(GitHubLog.Read(string.Join('\n', build.Lines)).Commands);
        Assert.IsEmpty(AzureLog.Read(string.Join('\n', build.Lines)));
        Assert.StartsWith("before\n\n## ❌ Isolated agent: agent\\_failed", project.Read("summary.md"));
        string[] reports =
        [
            .. new[] { "results.sarif", "results.junit.xml", "summary.md", "report.html", "attestation.json" }.Select(report =>
                project.PathOf($"report/{report}")
            ),
        ];
        CollectionAssert.AreEqual(reports, project.Output("Report"));
        Assert.AreEqual(project.PathOf("report/session.jsonl"), project.Output("ReportFile").Single());
        Assert.IsTrue(reports.All(File.Exists), string.Join(' ', Directory.GetFiles(project.PathOf("report"))));
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_OnAzure_UploadsTheSummaryAndNothingElseIsACommand()
    {
        using ConsumerProject project = new(ConsumerProject.Step($"Command=\"{Xml(Orders)}\" Image=\"{ConsumerProject.BusyboxImage}\""));
        project.Environment["TF_BUILD"] = "True";
        project.Environment["AGENT_TEMPDIRECTORY"] = project.Folder;
        BuildOutcome build = await project.BuildStepAsync(Token);

        build.AssertFailed("IA6001", project.PathOf(PackageFeed.ProjectName), project.PlaceOf("<RunIsolatedAgent"));
        HostCommand command = Assert.ContainsSingle(AzureLog.Read(string.Join('\n', build.Lines)));
        Assert.AreEqual("task.uploadsummary", command.Name);
        Assert.Contains("agent\\_failed", await File.ReadAllTextAsync(command.Data, Token));
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_OnGitHubSwitchedOff_LeavesTheSummaryAlone()
    {
        using ConsumerProject project = new(
            ConsumerProject.Step($"Command=\"true\" Image=\"{ConsumerProject.BusyboxImage}\" HostSummary=\"false\"")
        );
        project.Environment["GITHUB_STEP_SUMMARY"] = project.PathOf("summary.md");
        project.Write("summary.md", "before");
        (await project.BuildStepAsync(Token)).AssertPassed();
        Assert.AreEqual("before", project.Read("summary.md"));
    }

    private static string Xml(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal)
            .Replace("%", "%25", StringComparison.Ordinal)
            .Replace(";", "%3b", StringComparison.Ordinal);
}
