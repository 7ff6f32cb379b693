using System.Text.RegularExpressions;

namespace IsolatedAgents.Package.Tests;

/// <summary>What the page about builds has one paste into an empty folder builds, and does what is said there.</summary>
[TestClass]
public sealed partial class ReadmeSampleTests
{
    private const int Minutes = 120_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Item_RunsOnceAndIsSkippedThen()
    {
        using ConsumerProject project = Paste();
        project.Write(PackageFeed.ProjectName, Project());
        (await project.BuildAsync(Token)).AssertPassed();
        Assert.AreEqual("Code.cs:2: // FIXME: say more\n", project.Read("obj/review/Debug/review.md"));
        BuildOutcome again = await project.BuildAsync(Token);
        again.AssertPassed();
        Assert.Contains("Skipped agent 'agents/review.py'", again.Text);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Target_RunsTheAgent()
    {
        using ConsumerProject project = Paste();
        string target = Block("xml", "Target Name=");
        project.Write(PackageFeed.ProjectName, WithoutItem().Replace("</Project>", target + "</Project>", StringComparison.Ordinal));
        (await project.BuildAsync(Token)).AssertPassed();
        Assert.AreEqual("Code.cs:2: // FIXME: say more\n", project.Read("obj/review/Debug/review.md"));
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task SharedFile_RunsTheAgentWithItsPolicyAndTheProjectsName()
    {
        using ConsumerProject project = Paste();
        project.Write(PackageFeed.ProjectName, WithoutItem());
        project.Write("Directory.Build.props", $"<Project>{Block("xml", "MSBuildThisFileDirectory")}</Project>");
        BuildOutcome build = await project.BuildAsync(Token);
        build.AssertPassed();
        Assert.Contains($"image={ConsumerProject.PythonImage}", build.Text);
        Assert.AreEqual("Code.cs:2: // FIXME: say more\n", project.Read("review/app/Debug/review.md"));
    }

    private static ConsumerProject Paste()
    {
        ConsumerProject project = new("");
        project.Write("agents/review.py", Block("python", "FIXME"));
        string policy = Block("json", "base_image");
        project.Write("agent-policy.json", policy.Replace("python:3.12-slim", ConsumerProject.PythonImage, StringComparison.Ordinal));
        project.Write("Code.cs", "namespace App;\n// FIXME: say more\npublic static class Code;\n");
        return project;
    }

    private static string Project() =>
        Block("xml", "PackageReference").Replace("\"0.1.0\"", $"\"{PackageFeed.Version}\"", StringComparison.Ordinal);

    private static string WithoutItem() =>
        string.Join('\n', Project().Split('\n').Where(line => !line.Contains("<IsolatedAgent ", StringComparison.Ordinal)));

    // The first block of a language that holds a text, in that page.
    private static string Block(string language, string text)
    {
        string page = File.ReadAllText(Path.Combine(Path.GetDirectoryName(PackageFeed.Metadata("TasksProject"))!, "../../docs/msbuild.md"));
        return Blocks()
            .Matches(page)
            .Where(block => block.Groups[1].Value == language)
            .Select(block => block.Groups[2].Value)
            .First(content => content.Contains(text, StringComparison.Ordinal));
    }

    [GeneratedRegex("```([a-z]+)\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Blocks();
}
