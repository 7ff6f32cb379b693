using IsolatedAgents.HostGrammar;

namespace IsolatedAgents.Sandbox.Tests.ContinuousIntegration;

/// <summary>
/// A release of the action: its image in a real registry, the action file that names it by digest, and a step that the runner pulls and
/// runs by that.
/// </summary>
[TestClass]
public sealed class ReleaseImageTests
{
    private const int Minutes = 4 * 60_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Release_PushedImage_IsRunByTheDigestInTheActionFile()
    {
        using LocalRegistry registry = await LocalRegistry.StartAsync(Token);
        string folder = Directory.CreateTempSubdirectory("ia-release-").FullName;
        string name = $"{registry.Address}/owner/isolated-agents";
        string? image = null;
        try
        {
            string file = Path.Combine(folder, "action.yml");
            (int exitCode, string said) = await ActionImage.RunScriptAsync("build/release-image.sh", name, file);
            Assert.AreEqual(0, exitCode, said);
            string[] source = await File.ReadAllLinesAsync(Path.Combine(ActionImage.Root(), "action.yml"), Token);
            string[] released = await File.ReadAllLinesAsync(file, Token);
            int line = Array.FindIndex(released, text => text.StartsWith("  image: docker://", StringComparison.Ordinal));
            image = released[line]["  image: docker://".Length..];
            Assert.MatchesRegex($"^{System.Text.RegularExpressions.Regex.Escape(name)}@sha256:[0-9a-f]{{64}}$", image);
            Assert.AreEqual("  image: Dockerfile", source[line]);
            source[line] = released[line];
            CollectionAssert.AreEqual(source, released);
            (exitCode, said) = await WorkflowTools.NodeAsync(
                Token,
                Path.Combine(WorkflowTools.Package("@action-validator/cli"), "cli.mjs"),
                file
            );
            Assert.AreEqual(0, exitCode, said);

            // A runner has nothing of it yet.
            await DockerCli.RunAsync(Token, "image", "rm", "--force", image, $"{name}:{ReleasedVersion()}");
            await DockerCli.RunAsync(Token, "pull", "--quiet", image);
            using ActionStep step = new() { Image = image };
            step.Inputs["command"] = "echo made > /output/file";
            step.Inputs["output-directory"] = "out";
            ActionOutcome outcome = await step.RunAsync(Token);
            Assert.AreEqual("passed", outcome.Outputs["verdict"], outcome.Raw);
            Assert.AreEqual("made\n", await File.ReadAllTextAsync(step.Open("out/file"), Token));
            ActionOutcome cleaned = await step.CleanUpAsync(Token);
            Assert.AreEqual(0, cleaned.ExitCode, cleaned.Raw);
        }
        finally
        {
            foreach (string left in new[] { image, $"{name}:{ReleasedVersion()}" }.OfType<string>())
            {
                await DockerCli.TryAsync("image", "rm", "--force", left);
            }

            Directory.Delete(folder, recursive: true);
        }
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    [DataRow("isolated-agents", "names no registry")]
    [DataRow("owner/isolated-agents", "names no registry")]
    [DataRow("localhost:1", "a tag")]
    [DataRow("localhost:1/name:latest", "a tag")]
    [DataRow("localhost:1/name@sha256:0", "a digest")]
    public async Task Release_NameThatIsNotOneOfARegistry_IsRefusedBeforeAnythingIsBuilt(string name, string reason)
    {
        (int exitCode, string said) = await ActionImage.RunScriptAsync("build/release-image.sh", name, "/nonexistent/action.yml");
        Assert.AreEqual(2, exitCode, said);
        Assert.Contains(reason, said);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Release_RegistryThatIsAway_WritesNoActionFile()
    {
        string file = Path.Combine(Path.GetTempPath(), $"ia-action-{Guid.NewGuid():N}.yml");
        (int exitCode, string said) = await ActionImage.RunScriptAsync("build/release-image.sh", "127.0.0.1:1/owner/name", file);
        await DockerCli.TryAsync("image", "rm", "--force", $"127.0.0.1:1/owner/name:{ReleasedVersion()}");
        Assert.AreEqual(2, exitCode, said);
        Assert.Contains("did not take", said);
        Assert.IsFalse(File.Exists(file));
    }

    private static string ReleasedVersion() =>
        System.Xml.Linq.XDocument.Load(Path.Combine(ActionImage.Root(), "Directory.Build.props")).Descendants("Version").Single().Value;
}
