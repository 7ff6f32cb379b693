namespace IsolatedAgents.Package.Tests;

/// <summary>The sample's agent and policy, in a project like the sample's, on each engine.</summary>
[TestClass]
public sealed class ReviewSampleTests
{
    private const int Minutes = 120_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public Task Review_Docker_ReviewsTheProject() => ReviewAsync("docker");

    [TestMethod]
    [TestCategory("Podman")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Review_Podman_ReviewsTheProject()
    {
        PodmanEngine.Require();
        await ReviewAsync(PodmanEngine.Name);
    }

    private async Task ReviewAsync(string engine)
    {
        using ConsumerProject project = new(
            $"""
              <Target Name="Review" AfterTargets="Build">
                <RunIsolatedAgent Agent="review.py" PolicyFile="review-policy.json" Engine="{engine}" OutputDirectory="$(MSBuildProjectDirectory)/review-output/">
                  <Output TaskParameter="Artifacts" ItemName="ReviewArtifacts" />
                </RunIsolatedAgent>
                <Message Importance="high" Text="Artifact: %(ReviewArtifacts.Name) (%(ReviewArtifacts.Size) bytes)" Condition="'@(ReviewArtifacts)' != ''" />
              </Target>
            """
        );
        project.Environment["DOCKER_HOST"] = null;
        project.Write("Code.cs", "namespace App;\n\n// TODO: say more.\npublic static class Code;\n");
        foreach (string file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Review")))
        {
            File.Copy(file, project.PathOf(Path.GetFileName(file)));
        }

        BuildOutcome build = await project.BuildAsync(Token);

        build.AssertPassed();
        Assert.AreEqual(1, build.Steps);
        Assert.Contains(line => line.StartsWith("  Artifact: review.md (", StringComparison.Ordinal), build.Lines);
        Assert.Contains("# Code review", project.Read("review-output/review.md"));
        Assert.Contains("todo", project.Read("review-output/review.json"));
    }
}
