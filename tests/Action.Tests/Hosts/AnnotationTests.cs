using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Execution;
using IsolatedAgents.Hosts;
using IsolatedAgents.Policies;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.Tests.Hosts;

/// <summary>What a host is shown of a run: where, in which order, and how many.</summary>
[TestClass]
public sealed class AnnotationTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ia-annotations-").FullName;

    [TestCleanup]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void Findings_PointAtTheKeyTheAgentOrThePolicy()
    {
        ImmutableArray<Finding> findings = Findings(
            [
                new Diagnostic(DiagnosticTable.Timeout, DiagnosticSeverity.Error, "t"),
                new Diagnostic(DiagnosticTable.AgentExitCode, DiagnosticSeverity.Error, "x"),
                new Diagnostic(DiagnosticTable.ProcessLimit, DiagnosticSeverity.Warning, "p"),
                new Diagnostic(DiagnosticTable.NoEngine, DiagnosticSeverity.Error, "e"),
            ],
            [Violation(ViolationKind.Filesystem, "filesystem.allowed_read_paths"), Violation(ViolationKind.Process, "system_calls")]
        );
        Assert.AreEqual(new Place("ci/policy.json", 3, 3), Of(findings, DiagnosticTable.Timeout).Place);
        Assert.AreEqual(new Place("agent.py", 1, 0), Of(findings, DiagnosticTable.AgentExitCode).Place);
        Assert.IsNull(Of(findings, DiagnosticTable.ProcessLimit).Place, "the policy does not set it");
        Assert.IsNull(Of(findings, DiagnosticTable.NoEngine).Place);
        Assert.AreEqual(5, Of(findings, DiagnosticTable.FilesystemViolation).Place!.Line);
        Assert.AreEqual(new Place("ci/policy.json", 1, 0), Of(findings, DiagnosticTable.ProcessViolation).Place);
    }

    [TestMethod]
    public void Findings_InARepositoryAbove_AreNamedFromItsRoot()
    {
        string project = Directory.CreateDirectory(Path.Combine(_folder, "src", "app")).FullName;
        Directory.CreateDirectory(Path.Combine(_folder, ".git"));
        File.WriteAllText(Path.Combine(project, "agent.py"), "");
        Finding finding = new FindingList(new AgentRunRequest { BaseDirectory = project, Agent = "agent.py" }, null).Create(
            [new Diagnostic(DiagnosticTable.AgentExitCode, DiagnosticSeverity.Error, "x")],
            []
        )[0];
        Assert.AreEqual("src/app/agent.py", finding.Place!.File);
    }

    [TestMethod]
    public void Annotations_OfMany_AreTheWorstTenWithACount()
    {
        ImmutableArray<Finding> findings = Findings(
            [
                .. Enumerable.Range(0, 30).Select(i => new Diagnostic(DiagnosticTable.CpuHigh, DiagnosticSeverity.Warning, $"warning {i}")),
                new Diagnostic(DiagnosticTable.Timeout, DiagnosticSeverity.Error, "first"),
            ],
            [
                .. Enumerable
                    .Range(0, 50)
                    .Select(i =>
                        Violation(i == 49 ? ViolationKind.Process : ViolationKind.Filesystem, "system_calls") with
                        {
                            Subject = $"/{i}",
                        }
                    ),
            ]
        );
        AgentRunResult result = new() { Verdict = Verdict.Timeout };
        ImmutableArray<Annotation> annotations = Annotations.Of(
            new RunOutcome(result)
            {
                Report = new RunReport
                {
                    Result = result,
                    Started = default,
                    Findings = findings,
                    OmittedViolations = 7,
                },
            }
        );
        Annotation[] errors = [.. annotations.Where(annotation => annotation.IsError)];
        Annotation[] warnings = [.. annotations.Where(annotation => !annotation.IsError)];
        Assert.HasCount(Annotations.Limit, errors);
        Assert.HasCount(Annotations.Limit, warnings);
        Assert.AreEqual(DiagnosticTable.Timeout, errors[0].Code);
        Assert.AreEqual(DiagnosticTable.ProcessViolation, errors[1].Code);
        Assert.Contains("49 more errors", errors[^1].Text);
        Assert.Contains("21 more warnings", warnings[^1].Text);
    }

    [TestMethod]
    public void Annotations_WhatIsExpected_IsNone()
    {
        AgentRunResult result = new() { Verdict = Verdict.Passed };
        ImmutableArray<Finding> findings = Findings(
            [],
            [Violation(ViolationKind.Network, "network.allowed_endpoints") with { IsExpected = true }]
        );
        Assert.AreEqual(FindingLevel.Note, Assert.ContainsSingle(findings).Level);
        Assert.IsEmpty(
            Annotations.Of(
                new RunOutcome(result)
                {
                    Report = new RunReport
                    {
                        Result = result,
                        Started = default,
                        Findings = findings,
                    },
                }
            )
        );
    }

    private ImmutableArray<Finding> Findings(ImmutableArray<Diagnostic> diagnostics, ImmutableArray<FoundViolation> violations)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "ci"));
        File.WriteAllText(
            Path.Combine(_folder, "ci", "policy.json"),
            "{\n  // limits\n  \"timeout_seconds\": 5,\n  \"filesystem\": {\n    \"allowed_read_paths\": [\"/opt/data\"]\n  }\n}\n"
        );
        File.WriteAllText(Path.Combine(_folder, "agent.py"), "");
        LoadedPolicy loaded = PolicyLoader.Load("ci/policy.json", _folder, null, []);
        return new FindingList(
            new AgentRunRequest
            {
                BaseDirectory = _folder,
                Agent = "agent.py",
                PolicyFile = "ci/policy.json",
            },
            loaded
        ).Create(diagnostics, violations);
    }

    private static Finding Of(ImmutableArray<Finding> findings, string code) => findings.Single(finding => finding.Code == code);

    private static FoundViolation Violation(ViolationKind kind, string rule) => new(kind, "/x", rule, "r", "a", null, 1, false);
}
