using System.Text.RegularExpressions;
using IsolatedAgents.HostGrammar;

namespace IsolatedAgents.Action.Tests.Hosts;

/// <summary>
/// The pipeline that users copy, judged by the language service of Azure Pipelines: its own reading of YAML, and a schema of ours for the
/// part that samples may use, since the host's own schema comes from the host alone.
/// </summary>
[TestClass]
public sealed partial class AzurePipelineFileTests
{
    private const string Judge = """
        const { createRequire } = require("node:module");
        const { readFileSync } = require("node:fs");
        const [, folder, schema, file] = process.argv;
        const load = createRequire(folder + "/");
        const { getLanguageService } = load("azure-pipelines-language-service");
        const { parse } = load("azure-pipelines-language-service/lib/parser/yamlParser.js");
        const { TextDocument } = load("vscode-json-languageservice");
        console.log = () => {};
        const service = getLanguageService(() => Promise.resolve(JSON.parse(readFileSync(schema, "utf8"))), [], () => Promise.resolve("schema:pipeline"), { resolveRelativePath: path => path });
        service.configure({ validate: true });
        const text = readFileSync(file, "utf8");
        const document = TextDocument.create("file:///azure-pipelines.yml", "azure-pipelines", 1, text);
        service.doValidation(document, parse(text, [])).then(found => {
          for (const { range, message } of found) process.stdout.write(`${range.start.line + 1}: ${message}\n`);
          process.exit(found.length ? 1 : 0);
        });
        """;

    private static readonly string Sample = Path.Combine(WorkflowTools.Root(), "samples/workflows/azure-pipelines.yml");

    public required TestContext TestContext { get; init; }

    [TestMethod]
    public async Task Pipeline_IsAccepted()
    {
        (int exitCode, string said) = await JudgeAsync(await File.ReadAllTextAsync(Sample, TestContext.CancellationToken));
        Assert.AreEqual(0, exitCode, said);
    }

    [TestMethod]
    [DataRow("vmImage:", "vmImages:")]
    [DataRow("UseDotNet@2", "UseDotNets@2")]
    [DataRow("testResultsFormat: JUnit", "testResultsFormat: Junits")]
    [DataRow("testResultsFiles:", "testResultFiles:")]
    [DataRow("displayName: Build", "displaynames: Build")]
    [DataRow("name: review\n", "name: re view\n")]
    [DataRow("condition: succeededOrFailed()", "condition: succeededOrFailed")]
    [DataRow("trigger: none", "trigger none")]
    [DataRow("    env:\n      MODEL", "   env:\n      MODEL")]
    public async Task Pipeline_WithAMistake_IsNot(string text, string mistake)
    {
        string sample = await File.ReadAllTextAsync(Sample, TestContext.CancellationToken);
        Assert.Contains(text, sample);
        (int exitCode, string said) = await JudgeAsync(sample.Replace(text, mistake, StringComparison.Ordinal));
        Assert.AreNotEqual(0, exitCode);
        Assert.MatchesRegex("^[0-9]+: ", said);
    }

    [TestMethod]
    public void Pipeline_ReadsOutputsThatTheFaceSets()
    {
        string sample = File.ReadAllText(Sample);
        string[] names = ["verdict", "exitCode", "violations", "artifacts", "durationSeconds", "sessionId", "report", "sarif", "auditLog"];
        MatchCollection read = OutputPattern().Matches(sample);
        Assert.AreNotEqual(0, read.Count);
        foreach (Match output in read)
        {
            Assert.Contains(output.Groups[1].Value, names);
        }
    }

    private async Task<(int ExitCode, string Said)> JudgeAsync(string pipeline)
    {
        string tools = Path.GetFullPath(Path.Combine(WorkflowTools.Package("azure-pipelines-language-service"), "../.."));
        string file = Path.Combine(Path.GetTempPath(), $"ia-pipeline-{Guid.NewGuid():N}.yml");
        await File.WriteAllTextAsync(file, pipeline, TestContext.CancellationToken);
        try
        {
            return await WorkflowTools.NodeAsync(
                TestContext.CancellationToken,
                "-e",
                Judge,
                tools,
                Path.Combine(WorkflowTools.Root(), "tests/Action.Tests/Hosts/azure-pipelines.schema.json"),
                file
            );
        }
        finally
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex(@"\$\(review\.([A-Za-z]+)\)")]
    private static partial Regex OutputPattern();
}
